package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

const (
	registriesAPI      = "2024-11-01-preview" // the oldest that says how a registry takes role assignments
	assignmentsAPI     = "2022-04-01"
	registries         = "Microsoft.ContainerRegistry/registries"
	abacMode           = "AbacRepositoryPermissions"
	closedToTheNetwork = "Disabled"
	deniedByDefault    = "Deny"
)

// The roles that let an identity pull, by the IDs of their definitions (Microsoft's list of built-in roles): in a registry's usual mode,
// and where its repositories have permissions of their own, in which the first count for nothing.
var (
	pullRoles = map[string]string{
		"7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
		"8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
		"b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
		"8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
	}
	abacPullRoles = map[string]string{
		"b93aa761-3e63-49ed-ac28-beffa264f7ac": "Container Registry Repository Reader",
		"2a1e307c-b015-4ebd-883e-5b7698a07328": "Container Registry Repository Writer",
	}
)

// Platform is what Azure Resource Manager says of a cluster and the cluster itself doesn't.
type Platform struct {
	Network string // the network plugin: "azure", "kubenet", "none"
	Kubelet string // the object ID of the identity that its nodes pull images with; "" where Azure doesn't say
}

// Pulling is whether the nodes of a cluster may pull from a registry.
type Pulling struct {
	Registry string // its resource ID
	Role     string // the one that lets them; "" for none
	Abac     bool   // its repositories have permissions of their own
	Modeless bool   // Azure didn't say whether they have
	Chosen   bool   // it answers chosen networks alone
}

// Platform asks Azure about the cluster. ErrForbidden says that the bot may not, or has no way to ask; ErrUnreachable that it couldn't.
func (c *Cluster) Platform(ctx context.Context) (Platform, error) {
	var answer struct {
		Properties struct {
			Network struct {
				Plugin string `json:"networkPlugin"`
			} `json:"networkProfile"`
			Identities map[string]struct {
				Object string `json:"objectId"`
			} `json:"identityProfile"`
		} `json:"properties"`
	}
	m, id, err := c.resource(ctx)
	if err == nil {
		err = m.ask(ctx, http.MethodGet, id+"?api-version="+clustersAPI, &answer)
	}
	if err != nil {
		return Platform{}, c.notSaid("the cluster", err)
	}
	p := Platform{Network: clip(answer.Properties.Network.Plugin)}
	if object := answer.Properties.Identities["kubeletidentity"].Object; objectID.MatchString(object) {
		p.Kubelet = object
	}
	return p, nil
}

// Pulling asks Azure whether the identity of the nodes (Platform.Kubelet) may pull from a registry, "shop.azurecr.io", of the cluster's
// subscription. Its errors are those of Platform; ErrNotFound says that the bot can read no such registry there.
func (c *Cluster) Pulling(ctx context.Context, kubelet, host string) (Pulling, error) {
	m, id, err := c.resource(ctx)
	if err != nil {
		return Pulling{}, c.notSaid("the registry "+host, err)
	}
	var out Pulling
	err = m.list(ctx, strings.Join(strings.Split(id, "/")[:3], "/")+"/providers/"+registries+"?api-version="+registriesAPI,
		func(raw json.RawMessage) error { return out.read(raw, host) })
	if err != nil {
		return Pulling{}, c.notSaid("the registry "+host, err)
	}
	if out.Registry == "" {
		return Pulling{}, &algesta.Error{
			Kind: algesta.ErrNotFound, Message: algesta.Say("I can read no registry {} in the cluster's subscription.", algesta.Name(host)),
			Hint: algesta.Say("The role Reader on the registry lets me."),
		}
	}
	counting := pullRoles
	if out.Abac {
		counting = abacPullRoles
	}
	query := url.Values{"api-version": {assignmentsAPI}, "$filter": {"assignedTo('" + kubelet + "')"}}
	err = m.list(ctx, out.Registry+"/providers/Microsoft.Authorization/roleAssignments?"+query.Encode(), func(raw json.RawMessage) error {
		var assignment struct {
			Properties struct {
				Role string `json:"roleDefinitionId"`
			} `json:"properties"`
		}
		if json.Unmarshal(raw, &assignment) != nil {
			return &azureError{code: notUnderstood, lookup: true}
		}
		if name, counts := counting[strings.ToLower(path.Base(assignment.Properties.Role))]; counts {
			out.Role = name
		}
		return nil
	})
	if err != nil {
		return Pulling{}, c.notSaid("who may pull from "+host, err)
	}
	return out, nil
}

// read takes what a registry says of itself, if it's the one with this host.
func (p *Pulling) read(raw json.RawMessage, host string) error {
	var r struct {
		ID         string `json:"id"`
		Properties struct {
			Host    string `json:"loginServer"`
			Mode    string `json:"roleAssignmentMode"`
			Public  string `json:"publicNetworkAccess"`
			Network struct {
				Default string `json:"defaultAction"`
			} `json:"networkRuleSet"`
		} `json:"properties"`
	}
	if json.Unmarshal(raw, &r) != nil {
		return &azureError{code: notUnderstood, lookup: true}
	}
	if !strings.EqualFold(r.Properties.Host, host) || !registryID.MatchString(r.ID) {
		return nil
	}
	*p = Pulling{
		Registry: r.ID, Abac: r.Properties.Mode == abacMode, Modeless: r.Properties.Mode == "",
		Chosen: r.Properties.Public == closedToTheNetwork || r.Properties.Network.Default == deniedByDefault,
	}
	return nil
}

// resource is the Resource Manager, and the cluster's ID there.
func (c *Cluster) resource(ctx context.Context) (manager, string, error) {
	if c.about == nil {
		return manager{}, "", errNoAzure
	}
	m, err := c.about.managerClient(&azureTrip{client: c.about.client})
	if err != nil {
		return manager{}, "", err
	}
	id := c.about.cfg.Azure.ResourceID
	if id == "" {
		id, err = findByName(ctx, m, c.about.cfg.Name)
	}
	return m, id, err
}

var errNoAzure = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I don't sign in to Azure for this cluster.")}

// notSaid is the sentence for something that Azure didn't say. Its answer is never quoted.
func (c *Cluster) notSaid(what string, err error) error {
	if err == errNoAzure { //nolint:errorlint // it's this one, unwrapped
		return err
	}
	e := explained(err, &azureTrip{})
	if slices.Contains([]string{notAuthorized, notFound, noneByName}, e.code) {
		return &algesta.Error{
			Kind: algesta.ErrForbidden, Err: e, Message: algesta.Say("I may not ask Azure about {} ({}).", what, e.code),
			Hint: algesta.Say("The role Reader on it lets me; a role that was just assigned takes some minutes."),
		}
	}
	return &algesta.Error{Kind: algesta.ErrUnreachable, Err: e, Message: algesta.Say("Azure didn't say anything about {} ({}).", what, e.code)}
}
