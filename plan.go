package algesta

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Plan is what a command would do: data to show, hash, store and compare.
// Nothing in it can act.
type Plan struct {
	Summary Text `json:"summary"` // "Roll back `api-gateway-production`: 12345 → 12344 (revision 41)"
	// Facts are the rows of the card: image, env, revision, pods.
	Facts    []Field  `json:"facts,omitempty"`
	Diff     string   `json:"diff,omitempty"` // of the template, redacted, one change a line
	Warnings []Text   `json:"warnings,omitempty"`
	Changes  []Change `json:"changes,omitempty"`
	// Of is the Deployment whose pods the changes are about, where they are of another object: an autoscaler, a pod. Its Service is what
	// people call it, "" where that isn't known. Rules about a service hold for it, whichever name the command has.
	Of Target `json:"of,omitzero"`
	// Nothing says why there is nothing to do; a plan has Changes or Nothing.
	Nothing Text `json:"nothing,omitempty"`
	// Keep is how to keep what the plan does where something else may set it back, such as an autoscaler: "To keep 2 pods, type …".
	Keep Text `json:"keep,omitempty"`
	// Undo is the way back from the state after the plan, as far as it is known now.
	Undo *Offer `json:"undo,omitempty"`
	// Digests are what the registry said that images are, by reference: "sha256:…". A tag can be moved, so what people approve is
	// the digest, and the Fingerprint covers it.
	Digests map[string]string `json:"digests,omitempty"`
	// Figures are what limits may name as plan.<name>: "pods", "surge", "revision".
	Figures map[string]int64 `json:"figures,omitempty"`
	// Template is the TemplateHash of the Deployment's pod template after the plan: the follower recognizes its rollout by it.
	Template string `json:"template,omitempty"`
	// Done is the sentence of the end, without its figures: "`api-gateway` in production is back on 12344".
	Done Text `json:"done,omitempty"`
	// Doing is the sentence while it runs: "Rolling back `api-gateway` in production: 12345 → 12344".
	Doing Text `json:"doing,omitempty"`
	// Title is the request's name: "Rollback of `api-gateway` in production (12345 → 12344)".
	Title Text `json:"title,omitempty"`
}

// fingerprinted is what the Fingerprint covers (design.md, decision 5): not warnings,
// ages, resource versions or status.
type fingerprinted struct {
	Runbook string            `json:"runbook"`
	Args    Args              `json:"args"`
	Target  Target            `json:"target"`
	Changes []Change          `json:"changes"`
	Digests map[string]string `json:"digests,omitempty"`
}

// Fingerprint identifies what would be done, in hexadecimal SHA-256. Two plans of one command
// have the same fingerprint exactly when the same writes would be made, in the same order, of the same images. It covers unredacted
// values, so it must be taken before Redacted.
func (p Plan) Fingerprint(c Command) (string, error) {
	canonical := fingerprinted{Runbook: c.Runbook, Args: c.Args, Target: c.Target, Digests: p.Digests}
	for _, change := range p.Changes {
		change, err := change.canonical()
		if err != nil {
			return "", fmt.Errorf("fingerprinting the plan: %w", err)
		}
		canonical.Changes = append(canonical.Changes, change)
	}
	b, err := json.Marshal(canonical)
	if err != nil {
		return "", fmt.Errorf("fingerprinting the plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// CanonicalJSON is a JSON value with sorted keys and without insignificant space, nil for nil. Numbers stay as they are written: read as
// floats, two large ones that differ would become one.
func CanonicalJSON(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	var v any
	if err := decodeJSON(raw, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v) // sorts the keys of maps
}

// decodeJSON reads one JSON value, and keeps its numbers as they are written.
func decodeJSON(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("reading a JSON value: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading a JSON value: there is something after it")
	}
	return nil
}

// Redacted is the plan as the store may keep it: every swapped value and every created object is replaced by its
// SHA-256, because a pod template can hold a literal secret (design.md, decision 4).
func (p Plan) Redacted() Plan {
	changes := make([]Change, len(p.Changes))
	for i, c := range p.Changes {
		changes[i] = c.redacted()
	}
	p.Changes = changes
	return p
}

// SameEffect reports whether two redacted plans would leave their objects in the same state: by the same writes of the same images,
// whatever reason they note for them.
func (p Plan) SameEffect(other Plan) bool {
	if len(p.Changes) == 0 || len(p.Changes) != len(other.Changes) || !maps.Equal(p.Digests, other.Digests) {
		return false
	}
	for i, c := range p.Changes {
		if !c.withoutCause().equal(other.Changes[i].withoutCause()) {
			return false
		}
	}
	return true
}

// Objects are what the plan writes to, each once, in the order of their keys: callers lock them in this order.
func (p Plan) Objects() []Object {
	var out []Object
	for _, c := range p.Changes {
		if !slices.Contains(out, c.Object) {
			out = append(out, c.Object)
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// TouchesCluster reports whether a plan changes anything outside of the bot's own record: a freeze, a silence and a
// broken glass don't.
func (p Plan) TouchesCluster() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Object.Group != FreezeGroup })
}

// Rest is what is left of an approved plan, whose first changes are made already, with the values of a plan that was made again and has
// them unredacted. ok is false where the new plan doesn't end with exactly the changes that are left, or is of other images: then what
// would run is not what was approved.
func (p Plan) Rest(again Plan, made int) (rest Plan, ok bool) {
	left := len(p.Changes) - made
	if made < 0 || left < 1 || len(again.Changes) < left || !maps.Equal(p.Digests, again.Digests) {
		return Plan{}, false
	}
	rest = again
	rest.Changes = again.Changes[len(again.Changes)-left:]
	for i, c := range rest.Changes {
		if !c.redacted().equal(p.Changes[made+i]) {
			return Plan{}, false
		}
	}
	return rest, true
}

// hashed is the JSON string that stands for a value in a redacted plan.
func hashed(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	h, err := HashJSON(raw)
	if err != nil {
		h = "unreadable"
	}
	return json.RawMessage(`"` + h + `"`)
}

// HashJSON is "sha256:" and the hexadecimal SHA-256 of the value in canonical form: sorted keys, no spaces.
// It is what a redacted plan holds in the place of a value, so that a value in a cluster can be compared with it.
func HashJSON(raw json.RawMessage) (string, error) {
	b, err := CanonicalJSON(raw)
	if err != nil {
		return "", fmt.Errorf("hashing a value: %w", err)
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
