package azure

import (
	"fmt"
	"strings"
)

// Authentication is the AuthenticationConfiguration with which a kube-apiserver takes this tenant's application tokens for AKS. A name is
// the object ID without a prefix, as on AKS, so that the same RoleBindings work.
func (s *Server) Authentication() string {
	ca := "      " + strings.ReplaceAll(strings.TrimSpace(string(s.CA())), "\n", "\n      ")
	return fmt.Sprintf(`apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: %s
    audiences: [%q]
    certificateAuthority: |
%s
  claimValidationRules:
  - {expression: 'claims.tid == %q', message: the token is from another tenant}
  - {expression: 'claims.?idtyp.orValue("") == "app"', message: only tokens of applications are accepted}
  claimMappings:
    username: {claim: oid, prefix: ""}
    uid: {claim: oid}
    groups: {expression: 'claims.?groups.orValue([])'}
  userValidationRules:
  - {expression: "!user.username.startsWith('system:')", message: system users don't come from Entra}
  - {expression: "user.groups.all(g, !g.startsWith('system:'))", message: system groups don't come from Entra}
`, s.Issuer(), AKS, ca, s.Tenant())
}
