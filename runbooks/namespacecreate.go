package runbooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

const (
	namespaceKind = "Namespace"
	// reservedPrefix is Kubernetes' own (kubernetes.io/docs/concepts/overview/working-with-objects/namespaces).
	reservedPrefix = "kube-"
	// namespaceWithin is how long a new namespace is watched: both controllers take seconds.
	namespaceWithin = 2 * time.Minute
)

var (
	environmentArg = Arg{
		Name: ClusterArg, Aliases: []string{"env"}, Kind: TextArg, Required: true,
		Summary: "an environment of the cluster to make it on; the namespace is labelled with the word",
	}
	teamArg = Arg{Name: "team", Kind: TextArg, Required: true, Summary: "whose namespace it is; the namespace is labelled with it"}
)

// quotaArgs are what a quota of a new namespace may limit, by the names that a ResourceQuota has for it.
var quotaArgs = []Arg{
	{Name: "requests.cpu", Kind: TextArg, Summary: "quota: how much CPU its pods may request together, such as 4"},
	{Name: "requests.memory", Kind: TextArg, Summary: "quota: how much memory its pods may request together, such as 8Gi"},
	{Name: "limits.cpu", Kind: TextArg, Summary: "quota: how much CPU the limits of its pods may add up to, such as 8"},
	{Name: "limits.memory", Kind: TextArg, Summary: "quota: how much memory the limits of its pods may add up to, such as 16Gi"},
	{Name: "pods", Kind: TextArg, Summary: "quota: how many pods may run at once, such as 50"},
}

var _ = register(Runbook{
	Name:    "namespace create",
	Aliases: []string{"create namespace", "create ns"},
	Verb:    "namespace.create",
	Summary: "Make a namespace with its labels and, where limits are named, its quota, and follow it until both are in force.",
	Example: "namespace create payments environment=production team=backend requests.cpu=4 pods=50",
	Rank:    172,
	About:   About{Kinds: []string{namespaceKind}, Cluster: true},
	Args:    append([]Arg{environmentArg, teamArg}, quotaArgs...),
	Reads:   []string{"list namespaces" + algesta.ClusterWide, "list resourcequotas" + algesta.ClusterWide},
	Writes:  []string{"create namespaces" + algesta.ClusterWide, "create resourcequotas" + algesta.ClusterWide},
	Ends:    WithPoll(namespaceWithin, pollNamespace),
	Plan:    planNamespaceCreate,
})

// newNamespace is a namespace as it was asked for.
type newNamespace struct {
	name   string
	labels map[string]string
	hard   corev1.ResourceList
}

func planNamespaceCreate(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	n, err := readNewNamespace(in)
	if err != nil {
		return algesta.Plan{}, err
	}
	cluster, called := in.Command.Target.Cluster, algesta.Name(n.name)
	p := algesta.Plan{
		Title:   algesta.Say("New namespace {} on {}", called, cluster),
		Summary: algesta.Say("Make the namespace {} on {}", called, cluster),
		Doing:   algesta.Say("Making the namespace {} on {}", called, cluster),
		Done:    algesta.Say("The namespace {} is there", called),
	}
	switch there, err := readOne(ctx, c, "", "v1", namespaceKind, "", n.name); {
	case err == nil:
		var found corev1.Namespace
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(there.Object, &found); err != nil {
			return algesta.Plan{}, fmt.Errorf("reading namespace %s: %w", n.name, err)
		}
		tells := in.Allowed != nil && in.Allowed(n.name)
		if found.DeletionTimestamp != nil && tells {
			return algesta.Plan{}, refusal(
				algesta.Say("The namespace {} is being deleted, for {} now.", called, span(in.Command.At.Sub(found.DeletionTimestamp.Time))),
				algesta.Say("Ask again once it's gone."),
			)
		}
		if p.Nothing = algesta.Say("The namespace {} already exists. I don't change existing namespaces.", called); !tells {
			return p, nil
		}
		p.Nothing = algesta.Say(
			"The namespace {} already exists, {} old, with {}. I don't change existing namespaces.", called,
			span(in.Command.At.Sub(found.CreationTimestamp.Time)), orElse(quote(ownLabels(&found)), "no labels"),
		)
		return p, nil
	case !errors.Is(err, algesta.ErrNotFound):
		return algesta.Plan{}, err
	}
	if p.Changes, err = n.changes(cluster); err != nil {
		return algesta.Plan{}, err
	}
	p.Facts, p.Warnings = n.facts(), n.warnings()
	return p, nil
}

// readNewNamespace reads what was asked for, and refuses what Kubernetes wouldn't take.
func readNewNamespace(in Input) (newNamespace, error) {
	n := newNamespace{name: strings.ToLower(objectOf(in, namespaceKind)), labels: map[string]string{}, hard: corev1.ResourceList{}}
	switch {
	case len(validation.IsDNS1123Label(n.name)) > 0:
		return n, wrongValue(in, algesta.Say("{} can't be the name of a namespace: it takes lower-case letters, digits and hyphens, 63 at "+
			"most.", quote(n.name)))
	case strings.HasPrefix(n.name, reservedPrefix):
		return n, refusal(
			algesta.Say("Names that begin with {} are Kubernetes' own.", algesta.Name(reservedPrefix)), algesta.Say("Choose another name."),
		)
	}
	for _, label := range []Arg{environmentArg, teamArg} {
		value := strings.ToLower(label.Text(in))
		if len(validation.IsValidLabelValue(value)) > 0 || value == "" {
			return n, wrongValue(in, algesta.Say("{} is {}, which can't be a label: use letters, digits, hyphens and dots, 63 at "+
				"most.", label.Name, quote(label.Text(in))))
		}
		n.labels[label.Name] = value
	}
	for _, limit := range quotaArgs {
		if !limit.Given(in) {
			continue
		}
		amount, err := resource.ParseQuantity(limit.Text(in))
		if err != nil || amount.Sign() < 0 {
			return n, wrongValue(in, algesta.Say("{} is {}, which is no amount: write a number such as 4, 500m or "+
				"8Gi.", limit.Name, quote(limit.Text(in))))
		}
		n.hard[corev1.ResourceName(limit.Name)] = amount
	}
	return n, nil
}

// wrongValue is the error of an argument that can't be read.
func wrongValue(in Input, message algesta.Text) error {
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: message, Hint: algesta.Say("{}", algesta.Name(in.Bot.Typed("help", in.Command.Runbook))),
	}
}

// quotaName is the name of the quota of a namespace: "production-quota".
func (n newNamespace) quotaName() string { return n.name + "-quota" }

// changes are the namespace, and after it its quota.
func (n newNamespace) changes(cluster string) ([]algesta.Change, error) {
	namespace := corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: namespaceKind}, ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: n.labels},
	}
	content, err := newContent(&namespace)
	if err != nil {
		return nil, err
	}
	out := []algesta.Change{{
		Object: algesta.Object{Cluster: cluster, Kind: namespaceKind, Name: n.name},
		Verb:   algesta.Create, Resource: "namespaces", Version: "v1", Content: content,
	}}
	if len(n.hard) == 0 {
		return out, nil
	}
	quota := corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: metav1.ObjectMeta{Name: n.quotaName(), Namespace: n.name}, Spec: corev1.ResourceQuotaSpec{Hard: n.hard},
	}
	if content, err = newContent(&quota); err != nil {
		return nil, err
	}
	return append(out, algesta.Change{
		Object: algesta.Object{Cluster: cluster, Kind: "ResourceQuota", Namespace: n.name, Name: n.quotaName()},
		Verb:   algesta.Create, Resource: "resourcequotas", Version: "v1", Content: content,
	}), nil
}

// newContent is an object as it's created: without the fields that the server fills in.
func newContent(o runtime.Object) (json.RawMessage, error) {
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	delete(raw, "status")
	if meta, ok := raw["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
	}
	if spec, ok := raw["spec"].(map[string]any); ok && len(spec) == 0 {
		delete(raw, "spec")
	}
	b, err := json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return b, nil
}

func (n newNamespace) facts() []algesta.Field {
	out := []algesta.Field{{Label: "labels", Value: algesta.Say("{}", quote(labelsOf(n.labels, noHiding)))}}
	if len(n.hard) == 0 {
		return append(out, algesta.Field{Label: "quota", Value: algesta.Say("none")})
	}
	out = append(out, algesta.Field{Label: "quota", Value: algesta.Say("{}", algesta.Name(n.quotaName()))})
	for _, limit := range quotaArgs {
		if amount, ok := n.hard[corev1.ResourceName(limit.Name)]; ok {
			out = append(out, algesta.Field{Label: limit.Name, Value: algesta.Say("{}", amount.String())})
		}
	}
	return out
}

func (n newNamespace) warnings() []algesta.Text {
	out := []algesta.Text{
		algesta.Say("I have no way back: deleting a namespace deletes everything in it, and I don't do that."),
		algesta.Say("No command works in it until an environment of my configuration is in it and the roles that I need are bound there: " +
			"ask the people who run me."),
	}
	var asked []string // what a pod has to say from then on, or it's refused (kubernetes.io/docs/concepts/policy/resource-quotas)
	for _, limit := range quotaArgs {
		if _, ok := n.hard[corev1.ResourceName(limit.Name)]; ok && limit.Name != "pods" {
			asked = append(asked, limit.Name)
		}
	}
	switch {
	case len(n.hard) == 0:
		out = append(out, algesta.Say("No quota: what runs in it is limited by the nodes alone."))
	case len(asked) > 0:
		out = append(out, algesta.Say("Pods whose containers don't say {} are refused in it, unless a LimitRange fills that in. I make "+
			"none.", words.List(asked)))
	}
	return out
}

// pollNamespace waits until a new namespace is active, and, where that was written last, its quota is counted: until then it limits nothing
// that anyone could look up.
func pollNamespace(ctx context.Context, c Cluster, object algesta.Object) (Polled, error) {
	name := orElse(object.Namespace, object.Name)
	raw, err := readOne(ctx, c, "", "v1", namespaceKind, "", name)
	if errors.Is(err, algesta.ErrNotFound) {
		return Polled{Phase: rollout.Gone, Said: algesta.Say("The namespace {} was deleted.", algesta.Name(name))}, nil
	}
	if err != nil {
		return Polled{}, err
	}
	var namespace corev1.Namespace
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, &namespace); err != nil {
		return Polled{}, fmt.Errorf("reading namespace %s: %w", name, err)
	}
	switch {
	case namespace.DeletionTimestamp != nil:
		return Polled{Phase: rollout.Broken, Said: algesta.Say("Someone is deleting the namespace {} again.", algesta.Name(name))}, nil
	case namespace.Status.Phase != corev1.NamespaceActive:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("it isn't active yet")}, nil
	case object.Kind == namespaceKind:
		return Polled{Phase: rollout.Settled, Said: algesta.Say("It's active.")}, nil
	}
	var quotas corev1.ResourceQuotaList
	if err := c.List(ctx, name, "", &quotas); err != nil {
		return Polled{}, err
	}
	i := slices.IndexFunc(quotas.Items, func(q corev1.ResourceQuota) bool { return q.Name == object.Name })
	if i < 0 {
		return Polled{Phase: rollout.Broken, Said: algesta.Say("Its quota {} isn't there.", algesta.Name(object.Name))}, nil
	}
	quota := quotas.Items[i]
	for of, hard := range quota.Spec.Hard {
		if counted, ok := quota.Status.Hard[of]; !ok || counted.Cmp(hard) != 0 {
			return Polled{Phase: rollout.Moving, Said: algesta.Say("it's active; its quota isn't counted yet")}, nil
		}
	}
	return Polled{Phase: rollout.Settled, Said: algesta.Say("It's active, and its quota {} is in force.", algesta.Name(quota.Name))}, nil
}
