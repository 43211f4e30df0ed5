package runbooks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

var _ = register(Runbook{
	Name:    "clusters",
	Aliases: []string{"cluster-info", "get clusters"},
	Verb:    "clusters",
	Rank:    164,
	Summary: "List the clusters of the environments that you can read: version, whether they answer, and which commands lack rights there.",
	Example: "clusters",
	Reads:   accessReads,
	Answer:  answerClusters,
})

var _ = register(Runbook{
	Name:    "cluster info",
	Aliases: []string{"cluster"},
	Verb:    "clusters",
	Rank:    166,
	Summary: "Show an environment's cluster: version, who the bot is there, and which permissions its commands lack.",
	Example: "cluster info production",
	About:   About{Environment: true},
	Reads:   accessReads,
	Answer:  answerClusterInfo,
})

// accessReads are questions that anyone who is signed in may ask (the role system:basic-user). They change nothing.
var accessReads = []string{
	"create selfsubjectaccessreviews.authorization.k8s.io (cluster-wide)",
	"create selfsubjectreviews.authentication.k8s.io (cluster-wide)",
}

// Access says what a cluster is, and what the bot may do there.
type Access interface {
	// Server is the version of the API server, as "v1.37.2".
	Server(ctx context.Context) (string, error)
	// Identity is who the bot is to the cluster.
	Identity(ctx context.Context) (string, error)
	// Lacks says of each of these, in its order, whether the bot lacks the right to it. After an error nothing is known about any.
	Lacks(ctx context.Context, wanted []authorizationv1.ResourceAttributes) ([]bool, error)
	// TokenLife is how long the token lasts that the bot signs in with; ok is false where it signs in without one that ends.
	TokenLife() (left time.Duration, ok bool)
}

// Place is an environment that the answer to a command which names none may cover, with its cluster.
type Place struct {
	Target  algesta.Target
	Cluster Cluster
	Err     error          // why the cluster could not be opened
	Lost    []algesta.Lost // of the environment, as Input.Lost
}

// clusterState is what is known of an environment's cluster.
type clusterState struct {
	version, identity                string
	took                             time.Duration // until the version was there
	token                            string        // how long the bot's token lasts; "" where it has none that ends
	lacks                            map[string][]string
	versionErr, identityErr, lackErr error
}

// readClusterState asks a cluster what it is and what the bot may do in the namespace.
func readClusterState(ctx context.Context, c Cluster, namespace string) clusterState {
	s := clusterState{}
	if c.Access == nil {
		s.versionErr = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't ask this cluster about itself.")}
		s.identityErr, s.lackErr = s.versionErr, s.versionErr
		return s
	}
	began := time.Now()
	if s.version, s.versionErr = c.Access.Server(ctx); s.versionErr != nil { // what doesn't answer isn't asked for the rest
		s.identityErr, s.lackErr = s.versionErr, s.versionErr
		return s
	}
	s.took = time.Since(began)
	var asking conc.WaitGroup
	asking.Go(func() { s.identity, s.identityErr = c.Access.Identity(ctx) })
	asking.Go(func() { s.lacks, s.lackErr = Lacking(ctx, c.Access, namespace) })
	asking.Wait()
	if left, ends := c.Access.TokenLife(); ends {
		s.token = words.Span(left)
	}
	return s
}

// Lacking are the rights that commands declare and the bot lacks in a namespace, by command. Nothing is changed by asking.
func Lacking(ctx context.Context, c Access, namespace string) (map[string][]string, error) {
	var declared []string
	for _, r := range All() {
		declared = append(declared, r.Rights()...)
	}
	declared = union(declared)
	wanted := make([]authorizationv1.ResourceAttributes, len(declared))
	for i, d := range declared {
		r, err := parseRight(d)
		if err != nil {
			return nil, err
		}
		resource, sub, _ := strings.Cut(r.resource, "/")
		wanted[i] = authorizationv1.ResourceAttributes{Verb: r.verb, Group: r.group, Resource: resource, Subresource: sub, Namespace: namespace}
		if r.everywhere {
			wanted[i].Namespace = ""
		}
	}
	answers, err := c.Lacks(ctx, wanted)
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for i, lacks := range answers {
		if lacks {
			missing[declared[i]] = true
		}
	}
	out := map[string][]string{}
	for _, r := range All() {
		for _, right := range r.Rights() {
			if missing[right] {
				out[r.Name] = append(out[r.Name], right)
			}
		}
	}
	return out, nil
}

// rightsWords is a cell about rights.
func (s clusterState) rightsWords() string {
	switch {
	case s.lackErr != nil:
		return "not checked"
	case len(s.lacks) == 0:
		return "all"
	}
	return "missing for " + count(len(s.lacks), "command")
}

func answerClusters(ctx context.Context, _ Cluster, in Input) (algesta.Report, error) {
	if len(in.Places) == 0 {
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("There's no environment whose cluster you can read.")}, nil
	}
	surveys := make([]clusterState, len(in.Places))
	var asking conc.WaitGroup
	for i, place := range in.Places {
		if place.Err != nil {
			surveys[i].versionErr, surveys[i].lackErr = place.Err, place.Err
			continue
		}
		asking.Go(func() { surveys[i] = readClusterState(ctx, place.Cluster, place.Target.Namespace) })
	}
	asking.Wait()
	table := algesta.Table{Head: []string{
		"environment", "cluster", "namespace", "answers", "version", "I am", "token ends in", "rights of my commands",
	}}
	silent, poor, unread := 0, 0, 0
	names := map[string]bool{}
	var more []algesta.Text
	for i, place := range in.Places {
		s := surveys[i]
		names[place.Target.Cluster] = true
		state := "in " + took(s.took)
		switch {
		case s.versionErr != nil:
			silent++
			state = "no"
			more = append(more, couldNotCheck(place.Target.Environment, s.versionErr))
		case s.lackErr != nil:
			unread++
			more = append(more, couldNotCheck("the rights in "+place.Target.Environment, s.lackErr))
		case len(s.lacks) > 0:
			poor++
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say(
				"{}",
				place.Target.Environment,
			),
			algesta.Say("{}", algesta.Name(place.Target.Cluster)),
			algesta.Say("{}", algesta.Name(place.Target.Namespace)),
			algesta.Say("{}", state),
			orDash(quote(s.version)),
			orDash(quote(s.identity)),
			orDash(s.token),
			algesta.Say("{}", s.rightsWords()),
		})
	}
	if !slices.ContainsFunc(surveys, func(s clusterState) bool { return s.token != "" }) {
		table = withoutColumn(table, "token ends in")
	}
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{} of {}, all answer", count(len(names), "cluster"), count(len(in.Places), "environment")),
	}
	switch {
	case silent > 0:
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{} of {} don't answer", silent, count(len(in.Places), "environment"))
		if silent == 1 {
			report.Title = algesta.Say("The cluster of 1 of {} doesn't answer", count(len(in.Places), "environment"))
		}
	case unread > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{} of {}, all answer; the bot's rights couldn't all be checked",
			count(len(names), "cluster"),
			count(len(in.Places), "environment"),
		)
	case poor > 0:
		report.Tone = algesta.Warning
		report.Title = algesta.Say(
			"{} of {}, all answer; some commands lack rights",
			count(len(names), "cluster"),
			count(len(in.Places), "environment"),
		)
	}
	more = append(more, algesta.Say("{} tells more of one.", algesta.Name(in.Bot.Typed("cluster info", in.Places[0].Target.Environment))))
	return withTable(report, table, "environment", more...), nil
}

// withoutColumn is a table without one of its columns.
func withoutColumn(t algesta.Table, head string) algesta.Table {
	at := slices.Index(t.Head, head)
	t.Head = slices.Delete(slices.Clone(t.Head), at, at+1)
	for i, row := range t.Rows {
		t.Rows[i] = slices.Delete(slices.Clone(row), at, at+1)
	}
	return t
}

func answerClusterInfo(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	s := readClusterState(ctx, c, in.Command.Target.Namespace)
	cluster := algesta.Name(in.Command.Target.Cluster)
	if s.versionErr != nil {
		report := algesta.Report{
			Tone: algesta.Bad, Title: algesta.Say("{}: the cluster {} couldn't be asked", whereOf(in), cluster),
			Body: lines([]algesta.Text{couldNotCheck("its version", s.versionErr)}),
		}
		return report, nil //nolint:nilerr // the report says so
	}
	report := algesta.Report{
		Tone:  algesta.Good,
		Title: algesta.Say("{}: the cluster {} answers in {}, Kubernetes {}", whereOf(in), cluster, took(s.took), quote(s.version)),
	}
	report.Body = append(report.Body, algesta.Block{Fields: []algesta.Field{
		{Label: "namespace", Value: algesta.Say("{}", algesta.Name(in.Command.Target.Namespace))},
		{Label: "I am", Value: orDash(quote(s.identity))},
		{Label: "rights of my commands", Value: algesta.Say("{}", s.rightsWords())},
	}})
	if s.token != "" {
		fields := &report.Body[0].Fields
		*fields = append(*fields, algesta.Field{Label: "my token ends in", Value: algesta.Say("{}", s.token)})
	}
	var more []algesta.Text
	for _, command := range slices.Sorted(maps.Keys(s.lacks)) {
		report.Tone = algesta.Warning
		more = append(more, algesta.Say("{} lacks {}.", algesta.Name(command), list(clipped(s.lacks[command]))))
	}
	if len(more) > mostCauses {
		more = append(more[:mostCauses:mostCauses], algesta.Say("{}.", fmt.Sprintf("%d more commands lack rights", len(more)-mostCauses)))
	}
	if len(s.lacks) > 0 {
		more = append(more, algesta.Say("RUNBOOKS.md lists what each command needs. Without it, answers say what they couldn't "+
			"check."))
	}
	if s.identityErr != nil {
		report.Tone = algesta.Warning
		more = append(more, couldNotCheck("who I am there", s.identityErr))
	}
	if s.lackErr != nil {
		report.Tone = algesta.Warning
		more = append(more, couldNotCheck("the rights", s.lackErr))
	}
	report.Body = append(report.Body, lines(more)...)
	return report, nil
}
