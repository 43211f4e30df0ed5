package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// identityRule is about the cloud's identity of a pod, which no object of the cluster shows: only the program's log says that it is
// refused.
var identityRule = Rule{
	ID:     "identity-refused",
	Family: "dependencies",
	Class:  ClassDependency,
	Signal: "the log says AADSTS… (Entra ID), AssumeRoleWithWebIdentity (AWS) or getAccessToken denied (Google Cloud)",
	Cause: "a federated credential for this ServiceAccount that is missing, a client ID of another tenant, a secret that has expired, " +
		"a trust policy without this ServiceAccount",
	Remedy:    "fix what the message names in the cloud's identity",
	Source:    "Microsoft Entra error codes; AWS STS; Google Cloud IAM",
	container: identityRefused,
}

func identityRefused(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "identity-refused" {
		return nil
	}
	account := c.Pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	by := "The cloud"
	switch {
	case strings.Contains(why.Said, "AADSTS"):
		by = "Entra ID"
	case strings.Contains(why.Said, "sts:") || strings.Contains(why.Said, "InvalidIdentityToken"):
		by = "AWS"
	}
	said, _, _ := strings.Cut(why.Said, ". ")
	if m := presented.FindString(why.Line.Example); m == "" && strings.Contains(said, "presented assertion") {
		said, _, _ = strings.Cut(said, " for presented")
	}
	what := fmt.Sprintf("%s refuses the identity of %s: %s", by, c.Owner.Ref.Name, words.Cited(words.Clip(strings.TrimSpace(said),
		leastReason)))
	f := dependencyFinding(c, why, facts.Ref{Kind: "ServiceAccount", Namespace: c.Pod.Namespace, Name: account}, what,
		identityFix(why.Said, c.Pod.Namespace, account), facts.Ref{})
	f.Key, f.Target = identityCode.FindString(why.Said), account
	f.Remedy = Remedy{
		Text:    identityFix(why.Said, c.Pod.Namespace, account),
		Command: fmt.Sprintf("kubectl get serviceaccount %s -n %s -o yaml", account, c.Pod.Namespace),
	}
	return f
}

var (
	identityCode = regexp.MustCompile(`AADSTS\d+|AssumeRoleWithWebIdentity|InvalidIdentityToken`)
	presented    = regexp.MustCompile(`system:serviceaccount:[\w.-]+:[\w.-]+`)
	// federated are Entra's codes of a token of Kubernetes that no federated credential expects.
	federated = regexp.MustCompile(`AADSTS70021\d?\b|AADSTS700213\b|AADSTS700211\b|AADSTS700212\b`)
	// unknownClient are those of a client or tenant that isn't there.
	unknownClient = regexp.MustCompile(`AADSTS(?:700016|90002|50020|500011|900023)\b`)
)

func identityFix(said, namespace, account string) string {
	subject := fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account)
	switch {
	case federated.MatchString(said):
		return fmt.Sprintf("Give the managed identity a federated credential for %s with the issuer of this cluster.", subject)
	case unknownClient.MatchString(said):
		return "Correct the client ID or the tenant ID that the pod is given: no such application is in that tenant."
	case facts.TroubleOf(said) == facts.TroubleExpired:
		return "Renew the secret or certificate of that application, or use a federated credential."
	case identityCode.MatchString(said) && !strings.Contains(said, "AADSTS"):
		return fmt.Sprintf("Let the role's trust policy admit %s and the issuer of this cluster.", subject)
	}
	return "Fix what the message names in the identity that the pod uses."
}
