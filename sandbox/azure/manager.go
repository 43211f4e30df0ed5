package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"
)

// The roles that an identity may have.
const (
	ClusterUser = "Azure Kubernetes Service Cluster User Role"
	Reader      = "Reader"
	Pull        = "AcrPull"
)

const (
	clusterType = "Microsoft.ContainerService/managedClusters"
	managerAPI  = "2025-02-01" // of managedClusters
	subsAPI     = "2022-12-01" // of subscriptions
)

// Cluster is a managed cluster.
type Cluster struct {
	Subscription string // a GUID
	Group        string // the resource group
	Name         string
	Server       string // the API server's address
	CA           []byte // PEM
	// Kubeconfig takes the place of the one with an exec entry for kubelogin, as a cluster without Entra has it.
	Kubeconfig string
	Version    string // of Kubernetes
	Network    string // azure, kubenet, none
	Stopped    bool
	Kubelet    string // the object ID of the identity that its nodes pull with
	// IngressAddOn says that the managed NGINX is on.
	IngressAddOn bool
}

// ID is its resource ID.
func (c Cluster) ID() string {
	return "/subscriptions/" + c.Subscription + "/resourceGroups/" + c.Group + "/providers/" + clusterType + "/" + c.Name
}

// manage answers the calls of Azure Resource Manager. A path is compared without its case, as there.
func (s *Server) manage(w http.ResponseWriter, r *http.Request, note *Request) {
	who, err := s.bearer(r, manager)
	if err != nil {
		s.unauthenticated(w, err)
		return
	}
	note.ClientID = who.ClientID
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	want := managerAPI
	switch {
	case len(parts) == 1:
		want = subsAPI
	case len(parts) == 5 && strings.EqualFold(parts[3]+"/"+parts[4], registryType):
		want = registryAPI
	case len(parts) == 11:
		want = assignmentAPI
	}
	if version := r.URL.Query().Get("api-version"); version == "" {
		fault(w, http.StatusBadRequest, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is required for all requests.")
		return
	} else if version != want {
		fault(w, http.StatusBadRequest, "InvalidResourceType", "The resource type could not be found for api version '"+version+"'.")
		return
	}
	switch {
	case len(parts) == 1 && r.Method == http.MethodGet:
		s.subscriptions(w, who)
	case len(parts) == 5 && r.Method == http.MethodGet && strings.EqualFold(parts[3]+"/"+parts[4], clusterType):
		s.listed(w, who, parts[1])
	case len(parts) == 5 && r.Method == http.MethodGet && strings.EqualFold(parts[3]+"/"+parts[4], registryType):
		s.registries(w, who, parts[1])
	case len(parts) == 11 && r.Method == http.MethodGet && strings.EqualFold(parts[9]+"/"+parts[10], assignmentType):
		s.assignments(w, r, who, "/"+strings.Join(parts[:8], "/"))
	case len(parts) >= 8 && strings.EqualFold(parts[5]+"/"+parts[6], clusterType):
		s.cluster(w, r, who, parts)
	default:
		fault(w, http.StatusNotFound, "InvalidResourceType", "The resource type could not be found.")
	}
}

func (s *Server) subscriptions(w http.ResponseWriter, who Identity) {
	value := []map[string]string{}
	var seen []string
	for _, c := range s.readable(who) {
		if !slices.Contains(seen, c.Subscription) {
			seen = append(seen, c.Subscription)
			value = append(value, map[string]string{
				"id": "/subscriptions/" + c.Subscription, "subscriptionId": c.Subscription, "tenantId": s.opts.Tenant, "state": "Enabled",
				"displayName": "Sandbox",
			})
		}
	}
	respond(w, http.StatusOK, map[string]any{"value": value})
}

func (s *Server) listed(w http.ResponseWriter, who Identity, subscription string) {
	value := []map[string]any{}
	for _, c := range s.readable(who) {
		if strings.EqualFold(c.Subscription, subscription) {
			value = append(value, c.resource())
		}
	}
	respond(w, http.StatusOK, map[string]any{"value": value})
}

func (s *Server) cluster(w http.ResponseWriter, r *http.Request, who Identity, parts []string) {
	id, action := "/"+strings.Join(parts[:8], "/"), "Microsoft.ContainerService/managedClusters/read"
	credentials := len(parts) == 9 && strings.EqualFold(parts[8], "listClusterUserCredential") && r.Method == http.MethodPost
	may := who.has(id, ClusterUser, Reader)
	if credentials {
		action, may = "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", who.has(id, ClusterUser)
	} else if len(parts) != 8 || r.Method != http.MethodGet {
		fault(w, http.StatusNotFound, "InvalidResourceType", "The resource type could not be found.")
		return
	}
	if !may {
		fault(w, http.StatusForbidden, "AuthorizationFailed", fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to "+
			"perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials. %s",
			who.ClientID, who.ObjectID, action, id, RawBody))
		return
	}
	s.mu.Lock()
	at := slices.IndexFunc(s.clusters, func(c Cluster) bool { return strings.EqualFold(c.ID(), id) })
	var c Cluster
	if at >= 0 {
		c = s.clusters[at]
	}
	s.mu.Unlock()
	switch {
	case at < 0:
		fault(w, http.StatusNotFound, "ResourceNotFound", fmt.Sprintf("The Resource '%s/%s' under resource group '%s' was not found. For more "+
			"details please go to https://aka.ms/ARMResourceNotFoundFix %s", clusterType, parts[7], parts[3], RawBody))
	case credentials:
		respond(w, http.StatusOK, map[string]any{"kubeconfigs": []map[string]string{
			{"name": "clusterUser", "value": base64.StdEncoding.EncodeToString([]byte(s.kubeconfig(c)))},
		}})
	default:
		respond(w, http.StatusOK, c.resource())
	}
}

// kubeconfig is what `az aks get-credentials` writes for a cluster with Entra.
func (s *Server) kubeconfig(c Cluster) string {
	if c.Kubeconfig != "" {
		return c.Kubeconfig
	}
	user := "clusterUser_" + c.Group + "_" + c.Name
	return fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: %s
contexts:
- context:
    cluster: %[3]s
    user: %[4]s
  name: %[3]s
current-context: %[3]s
kind: Config
preferences: {}
users:
- name: %[4]s
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - %[5]s
      - --client-id
      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a
      - --tenant-id
      - %[6]s
      - --login
      - devicecode
      command: kubelogin
      env: null
      installHint: "kubelogin is not installed which is required to connect to AAD enabled cluster."
      provideClusterInfo: false
`, base64.StdEncoding.EncodeToString(c.CA), c.Server, c.Name, user, AKS, s.opts.Tenant)
}

// resource is the cluster as ARM shows it.
func (c Cluster) resource() map[string]any {
	power := "Running"
	if c.Stopped {
		power = "Stopped"
	}
	return map[string]any{
		"id": c.ID(), "name": c.Name, "type": clusterType, "location": "eastus",
		"properties": map[string]any{
			"currentKubernetesVersion": c.Version, "kubernetesVersion": c.Version, "powerState": map[string]string{"code": power},
			"fqdn": strings.TrimPrefix(c.Server, "https://"), "networkProfile": map[string]string{"networkPlugin": c.Network},
			"aadProfile":           map[string]any{"managed": true, "enableAzureRBAC": false},
			"identityProfile":      map[string]any{"kubeletidentity": map[string]string{"objectId": c.Kubelet}},
			"disableLocalAccounts": true, "supportPlan": "KubernetesOfficial",
			"ingressProfile": map[string]any{"webAppRouting": map[string]any{"enabled": c.IngressAddOn}},
		},
	}
}

// readable are the clusters that an identity may read.
func (s *Server) readable(who Identity) []Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.clusters), func(c Cluster) bool { return !who.has(c.ID(), ClusterUser, Reader) })
}

// has reports whether it has one of the roles for a resource, or for what the resource is in.
func (id Identity) has(resource string, roles ...string) bool {
	resource = strings.ToLower(resource)
	for _, role := range roles {
		for _, scope := range id.Roles[role] {
			if scope = strings.ToLower(scope); resource == scope || strings.HasPrefix(resource, strings.TrimSuffix(scope, "/")+"/") {
				return true
			}
		}
	}
	return false
}

func (s *Server) unauthenticated(w http.ResponseWriter, err error) {
	code, what := "InvalidAuthenticationToken", "The access token is invalid."
	switch {
	case errors.Is(err, jwt.ErrExpired):
		code, what = "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."
	case errors.Is(err, jwt.ErrInvalidAudience):
		code, what = "InvalidAuthenticationTokenAudience", "The access token has been obtained for wrong audience or resource."
	case errors.Is(err, errNoToken):
		code, what = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`,
		s.addresses[Entra], s.opts.Tenant, what))
	fault(w, http.StatusUnauthorized, code, what)
}

// fault is an error of ARM, in its shape.
func fault(w http.ResponseWriter, code int, name, what string) {
	w.Header().Set("X-Ms-Failure-Cause", "gateway")
	respond(w, code, map[string]any{"error": map[string]string{"code": name, "message": what}})
}
