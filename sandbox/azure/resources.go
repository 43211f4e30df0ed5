package azure

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

const (
	registryType   = "Microsoft.ContainerRegistry/registries"
	registryAPI    = "2024-11-01-preview"
	assignmentType = "Microsoft.Authorization/roleAssignments"
	assignmentAPI  = "2022-04-01"
)

// RegistryResource is a container registry as Azure Resource Manager shows it. It needs no registry that answers.
type RegistryResource struct {
	Subscription string // a GUID
	Group        string
	Name         string // its host is Name.azurecr.io
	Abac         bool   // role assignments count for its repositories
	OldAnswer    bool   // the answer doesn't say so
	Chosen       bool   // it answers chosen networks alone
	// Assignments are the roles that principals have on it: IDs of role definitions by object ID.
	Assignments map[string][]string
}

// ID is its resource ID.
func (r RegistryResource) ID() string {
	return "/subscriptions/" + r.Subscription + "/resourceGroups/" + r.Group + "/providers/" + registryType + "/" + r.Name
}

// AddRegistry has the Resource Manager know a registry.
func (s *Server) AddRegistry(r RegistryResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = append(s.resources, r)
}

func (s *Server) registries(w http.ResponseWriter, who Identity, subscription string) {
	value := []map[string]any{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.resources {
		if !strings.EqualFold(r.Subscription, subscription) || !who.has(r.ID(), Reader) {
			continue
		}
		action, mode := "Allow", "LegacyRegistryPermissions"
		if r.Chosen {
			action = "Deny"
		}
		if r.Abac {
			mode = "AbacRepositoryPermissions"
		}
		properties := map[string]any{
			"loginServer": r.Name + ".azurecr.io", "publicNetworkAccess": "Enabled", "roleAssignmentMode": mode,
			"networkRuleSet": map[string]any{"defaultAction": action},
		}
		if r.OldAnswer {
			delete(properties, "roleAssignmentMode")
		}
		value = append(value, map[string]any{"id": r.ID(), "name": r.Name, "type": registryType, "properties": properties})
	}
	respond(w, http.StatusOK, map[string]any{"value": value})
}

// assignedTo is the only filter that is answered.
var assignedTo = regexp.MustCompile(`^assignedTo\('([0-9a-f-]{36})'\)$`)

// assignments are the roles of one principal on a registry.
func (s *Server) assignments(w http.ResponseWriter, r *http.Request, who Identity, id string) {
	if !who.has(id, Reader) {
		fault(w, http.StatusForbidden, "AuthorizationFailed", fmt.Sprintf("The client '%s' with object id '%s' does not have authorization to "+
			"perform action 'Microsoft.Authorization/roleAssignments/read' over scope '%s'. %s", who.ClientID, who.ObjectID, id, RawBody))
		return
	}
	filter := assignedTo.FindStringSubmatch(r.URL.Query().Get("$filter"))
	if filter == nil {
		fault(w, http.StatusBadRequest, "UnsupportedQuery", "The filter is not supported.")
		return
	}
	value := []map[string]any{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, registry := range s.resources {
		if !strings.EqualFold(registry.ID(), id) {
			continue
		}
		for _, role := range registry.Assignments[filter[1]] {
			value = append(value, map[string]any{"properties": map[string]string{
				"principalId": filter[1], "scope": registry.ID(),
				"roleDefinitionId": "/subscriptions/" + registry.Subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + role,
			}})
		}
	}
	respond(w, http.StatusOK, map[string]any{"value": value})
}
