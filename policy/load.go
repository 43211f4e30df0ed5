package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of an approval.
const (
	maxCount   = 20
	minExpiry  = time.Second
	maxExpiry  = 7 * 24 * time.Hour
	apiVersion = "algesta.io/v1"
)

// Load reads a policy strictly: unknown keys, empty lists, doubled names, unknown verbs or roles, bad durations,
// and expressions that do not type-check are errors. The error lists every problem
// that was found, one a line, with its line in the file and what to do about it.
func Load(b []byte) (*Policy, error) {
	f, root, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	l := loader{root: root, problems: emptyValues(root), roles: map[string]roleFile{}}
	p := l.load(f)
	if len(l.problems) > 0 {
		return nil, fmt.Errorf("reading the policy: %w", errors.Join(l.problems...))
	}
	return p, nil
}

// loader turns the file into a Policy and collects what is wrong with it.
type loader struct {
	root     *yaml.Node
	problems []error
	roles    map[string]roleFile
	env      *cel.Env
}

// at notes a problem with the value at a path.
func (l *loader) at(path []any, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("line %d: %s", line(l.root, path...), fmt.Sprintf(format, args...)))
}

func (l *loader) load(f file) *Policy {
	if f.APIVersion != apiVersion {
		l.at([]any{"apiVersion"}, "apiVersion is %q: write %s", f.APIVersion, apiVersion)
	}
	if f.Kind != "Policy" {
		l.at([]any{"kind"}, "kind is %q: write Policy", f.Kind)
	}
	if len(f.Roles) == 0 || len(f.Bindings) == 0 {
		l.at(nil, "roles and bindings are both needed: without them everything is refused")
	}
	l.readRoles(f.Roles)
	p := &Policy{glass: l.breakGlass(f.BreakGlass), commands: l.listed(f.Exec)}
	names := map[string]bool{}
	for i, in := range f.Bindings {
		b := l.binding([]any{"bindings", i}, in, names)
		delete(b.verbs, algesta.BreakGlassVerb) // "change" doesn't give it
		if p.glass != nil && slices.Contains(p.glass.Roles, b.role) && b.verbs != nil {
			b.verbs[algesta.BreakGlassVerb] = true
		}
		p.bindings = append(p.bindings, b)
	}
	names = map[string]bool{}
	for i, in := range f.Approvals {
		p.approvals = append(p.approvals, l.approval([]any{"approvals", i}, in, names))
	}
	names = map[string]bool{}
	for i, in := range f.Limits {
		p.limits = append(p.limits, l.limit([]any{"limits", i}, in, names))
	}
	names = map[string]bool{}
	for i, in := range f.Freezes {
		p.freezes = append(p.freezes, l.freeze([]any{"freezes", i}, in, names))
	}
	return p
}

func (l *loader) readRoles(roles []roleFile) {
	names := map[string]bool{}
	for i, r := range roles {
		path := []any{"roles", i}
		l.name(path, r.Name, names)
		l.verbs(append(path, "allow"), r.Allow)
		if i := slices.Index(r.Allow, algesta.BreakGlassVerb); i >= 0 {
			l.at(append(path, "allow", i), "a role gets break-glass by breakGlass.roles alone: name it there")
		}
		l.roles[r.Name] = r
	}
}

// name asks for a name that no other entry of the list has: refusals and the audit quote it.
func (l *loader) name(path []any, name string, taken map[string]bool) {
	switch {
	case strings.TrimSpace(name) == "":
		l.at(path, "the entry has no name: give it one, refusals quote it")
	case taken[name]:
		l.at(append(path, "name"), "the name %q is there already: each needs its own", name)
	}
	taken[name] = true
}

// verbs are the verbs that a list names: a verb, a family, or all verbs below a word such as "cert.*".
func (l *loader) verbs(path []any, names []string) verbSet {
	if len(names) == 0 {
		l.at(path, "%s is missing: name verbs, or the families read and change", path[len(path)-1])
	}
	known := algesta.Verbs()
	out := verbSet{}
	for i, n := range names {
		if n == everywhere {
			l.at(append(path, i), "\"*\" is not a verb: write [read, change] for every verb")
			continue
		}
		group, isPattern := strings.CutSuffix(n, "*")
		isPattern = isPattern && strings.HasSuffix(group, ".")
		found := false
		for v, family := range known {
			if v == n || string(family) == n && family != algesta.Operating || isPattern && strings.HasPrefix(v, group) {
				out[v], found = true, true
			}
		}
		if !found {
			l.at(append(path, i), "there is no verb %q%s", n, suggest(n, vocabulary(known), "name a verb, read or change"))
		}
	}
	return out
}

// vocabulary is what a list of verbs may say.
func vocabulary(known map[string]algesta.Family) []string {
	words := []string{string(algesta.Read), string(algesta.Changes)}
	for v := range known {
		words = append(words, v)
		if group, _, ok := strings.Cut(v, "."); ok {
			words = append(words, group+".*")
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// suggest ends an error: the word that was probably meant, or what to do.
func suggest(word string, known []string, otherwise string) string {
	if near := words.Nearest(word, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ": " + otherwise
}

// place reads where a rule holds. Namespaces must be stated: a rule that holds everywhere because it doesn't say where would surprise
// people.
func (l *loader) place(path []any, clusters, namespaces []string) place {
	if len(namespaces) == 0 {
		l.at(path, "namespaces is missing: name them, or write [\"*\"] for all")
	}
	for i, n := range namespaces {
		if n != everywhere && strings.Contains(n, everywhere) {
			l.at(append(path, "namespaces", i), "%q is a pattern: name each namespace, or write \"*\" for all", n)
		} else if !words.Exact(n) { // a rule for it would hold nowhere
			l.at(append(path, "namespaces", i), "%q can't be a namespace: write its name as the cluster has it", n)
		}
	}
	for i, c := range clusters {
		if strings.Contains(c, everywhere) {
			l.at(append(path, "clusters", i), "%q is a pattern: name each cluster, or leave clusters out for all", c)
		} else if !words.Exact(c) {
			l.at(append(path, "clusters", i), "%q can't be a cluster: write its name as the configuration has it", c)
		}
	}
	return place{clusters: clusters, namespaces: namespaces}
}

func (l *loader) subjects(path []any, names []string) []algesta.Subject {
	if len(names) == 0 {
		l.at(path, "%s is missing: write group:S…, user:U… or an e-mail address", path[len(path)-1])
	}
	var out []algesta.Subject
	for i, n := range names {
		s, err := parseSubject(n)
		switch {
		case err != nil:
			l.at(append(path, i), "%s", err)
		case slices.Contains(out, s):
			l.at(append(path, i), "%q is there twice: remove one", n)
		default:
			out = append(out, s)
		}
	}
	return out
}

func (l *loader) binding(path []any, in bindingFile, names map[string]bool) binding {
	l.name(path, in.Name, names)
	out := binding{
		name: in.Name, role: in.Role,
		subjects: l.subjects(append(path, "subjects"), in.Subjects),
		place:    l.place(path, in.Clusters, in.Namespaces),
	}
	role, ok := l.roles[in.Role]
	if !ok {
		known := make([]string, 0, len(l.roles))
		for n := range l.roles {
			known = append(known, n)
		}
		slices.Sort(known)
		l.at(append(path, "role"), "there is no role %q%s", in.Role, suggest(in.Role, known, "define it under roles"))
		return out
	}
	quiet := loader{root: l.root} // the role's own problems were reported where it is defined
	out.allow, out.verbs = role.Allow, quiet.verbs(path, role.Allow)
	if !slices.Contains(role.Allow, algesta.ExecVerb) {
		delete(out.verbs, algesta.ExecVerb) // "change" doesn't give it
	}
	families := algesta.Verbs()
	changes := false
	for v := range out.verbs {
		out.reads = out.reads || families[v] == algesta.Read
		changes = changes || families[v] == algesta.Changes
	}
	if i := slices.IndexFunc(out.subjects, isRule); i >= 0 && changes {
		l.at(
			append(path, "role"), "the role %q lets %s change something, and a rule may only look: bind it to a role that only reads", in.Role,
			out.subjects[i],
		)
	}
	return out
}

func (l *loader) approval(path []any, in approvalFile, names map[string]bool) approval {
	l.name(path, in.Name, names)
	out := approval{
		verbs: withoutGlass(l.verbs(append(path, "verbs"), in.Verbs), in.Verbs), place: l.place(path, in.Clusters, in.Namespaces),
	}
	out.need = algesta.Requirement{
		Rule: in.Name, Approvers: l.subjects(append(path, "approvers"), in.Approvers), Count: 1,
		RequesterMayApprove: in.RequesterMayApprove, ReasonRequired: slices.Contains([]string{"required", "requester", "both"}, in.Reason),
		ApproversGiveReason: in.Reason == "approvers" || in.Reason == "both",
		ExpiresAfter:        l.expiry(path, in.ExpiresAfter),
	}
	if i := slices.IndexFunc(out.need.Approvers, isRule); i >= 0 {
		l.at(append(path, "approvers"), "%s is a rule, and only people can approve: name people or groups", out.need.Approvers[i])
	}
	l.onlyChanges(append(path, "verbs"), out.verbs, "what only reads can't wait for an approval")
	if in.Count != nil {
		out.need.Count = *in.Count
	}
	if n := out.need.Count; n < 1 || n > maxCount {
		l.at(append(path, "count"), "count is %d: it may be 1 to %d", n, maxCount)
	}
	if n := len(out.need.Approvers); n < out.need.Count && !slices.ContainsFunc(out.need.Approvers, isGroup) {
		l.at(
			append(path, "count"), "count is %d but the rule names %d, so nobody could ever meet it: name more people or a group", out.need.Count, n,
		)
	}
	if !slices.Contains([]string{"", "optional", "required", "requester", "approvers", "both"}, in.Reason) {
		l.at(append(path, "reason"), "reason is %q: write optional, requester, approvers or both", in.Reason)
	}
	return out
}

func isGroup(s algesta.Subject) bool { kind, _ := split(s); return kind == groupSubject }

// onlyChanges refuses verbs that only read where they would be ignored or asked the impossible.
func (l *loader) onlyChanges(path []any, verbs verbSet, why string) {
	families := algesta.Verbs()
	var reads []string
	for v := range verbs {
		if families[v] == algesta.Read {
			reads = append(reads, v)
		}
	}
	if len(reads) > 0 {
		slices.Sort(reads)
		l.at(path, "%s only read: %s, so name only verbs that change something", words.List(reads), why)
	}
}

func (l *loader) expiry(path []any, s string) time.Duration {
	if s == "" {
		l.at(path, "expiresAfter is missing: say how long people have, such as 30m")
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < minExpiry || d > maxExpiry {
		l.at(append(path, "expiresAfter"), "expiresAfter is %q: write a duration from 1s to 168h, such as 30m", s)
	}
	return d
}

func (l *loader) limit(path []any, in limitFile, names map[string]bool) limit {
	l.name(path, in.Name, names)
	out := limit{
		name: in.Name, otherwise: in.Otherwise,
		verbs: withoutGlass(l.verbs(append(path, "verbs"), in.Verbs), in.Verbs), place: l.place(path, in.Clusters, in.Namespaces),
	}
	if strings.TrimSpace(in.Otherwise) == "" {
		l.at(path, "otherwise is missing: write the sentence that people read when the limit refuses")
	}
	if in.Require == "" {
		l.at(path, "require is missing: write the condition that has to hold, such as args.replicas <= 10")
		return out
	}
	if err := l.compile(&out, in.Require); err != nil {
		l.at(append(path, "require"), "the limit %q: %s", in.Name, err)
		return out
	}
	if out.plans {
		l.onlyChanges(append(path, "verbs"), out.verbs, "they have no plan to look at")
	}
	return out
}

// compile makes the environment when the first expression needs it: most tests and small policies have none.
func (l *loader) compile(out *limit, expression string) (err error) {
	if l.env == nil {
		if l.env, err = newEnvironment(); err != nil {
			return err
		}
	}
	return out.compile(l.env, expression)
}

func (l *loader) freeze(path []any, in freezeFile, names map[string]bool) freeze {
	l.name(path, in.Name, names)
	out := freeze{
		name: in.Name, reason: in.Reason,
		verbs: withoutFreezes(l.verbs(append(path, "verbs"), in.Verbs), in.Verbs), place: l.place(path, in.Clusters, in.Namespaces),
		from: l.moment(path, "from", in.From), to: l.moment(path, "to", in.To),
	}
	if strings.TrimSpace(in.Reason) == "" {
		l.at(path, "reason is missing: people read it when they are refused")
	}
	if !out.from.IsZero() && !out.to.IsZero() && !out.from.Before(out.to) {
		l.at(append(path, "to"), "the freeze ends before it begins: from has to be before to")
	}
	return out
}

// withoutFreezes are the verbs of a freeze without those that are about freezes themselves, but where the rule names them.
func withoutFreezes(verbs verbSet, named []string) verbSet {
	for v := range aboutFreezes {
		if !slices.Contains(named, v) {
			delete(verbs, v)
		}
	}
	return verbs
}

// moment reads a time with its zone: without one nobody could tell whose midnight is meant.
func (l *loader) moment(path []any, key, s string) time.Time {
	if s == "" {
		l.at(path, "%s is missing: write a time with its zone, such as 2026-12-24T00:00:00-05:00", key)
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		l.at(append(path, key), "%s is %q: write a time with its zone, such as 2026-12-24T00:00:00-05:00", key, s)
	}
	return t
}
