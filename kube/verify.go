package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

// inFlight is how long a patch may still be on its way after it was recorded: the server was told to give up after perCall.
const inFlight = perCall + 2*time.Second

// Verify looks whether the write of an execution happened (design.md, decision 2). Every write of a Deployment's spec or
// annotations raises its generation by one, and the patch was bound to the object as it was at e.Generation:
//
//   - the annotation names this operation: it happened;
//   - the generation did not move: it did not happen, and once it can no longer be in flight it never will;
//   - the generation moved by one and the annotation is not ours: that one change was somebody else's, so ours can never happen;
//   - it moved further: the write may have been overwritten. A ReplicaSet that carries the annotation, or the new values in the
//     object, say that it happened; otherwise nobody can tell, and that is ErrUncertain.
//
// The change may be the stored, redacted one, whose values are hashes (algesta.HashJSON).
func (c *Cluster) Verify(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	live, err := c.deployment(ctx, change.Object)
	if errors.Is(err, algesta.ErrNotFound) {
		return algesta.Verified{}, c.doubt(change, "it was deleted meanwhile")
	}
	if err != nil {
		return algesta.Verified{}, err
	}
	if string(live.GetUID()) != e.UID {
		return algesta.Verified{}, c.doubt(change, "it was deleted and made anew meanwhile")
	}
	if live.GetGeneration() == e.Generation { // whatever else changed, a patch that is bound to the generation may still arrive
		if live, err = c.afterFlight(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
	}
	moved := live.GetGeneration() - e.Generation
	yes := algesta.Verified{Yes: true, Written: algesta.Written{ResourceVersion: live.GetResourceVersion(), Generation: e.Generation + 1}}
	switch {
	case live.GetAnnotations()[algesta.OperationAnnotation] == e.Operation:
		return yes, nil
	case moved <= 1:
		return algesta.Verified{}, nil
	}
	found, err := c.inReplicaSets(ctx, change, e)
	if err != nil {
		return algesta.Verified{}, err
	}
	if found || present(change, live) {
		return yes, nil
	}
	return algesta.Verified{}, c.doubt(change, "it was changed several times since")
}

// afterFlight reads the object again once a patch that was sent can no longer arrive.
func (c *Cluster) afterFlight(ctx context.Context, change algesta.Change, e algesta.Execution) (*unstructured.Unstructured, error) {
	if wait := inFlight - time.Since(e.StartedAt); wait > 0 {
		timer := time.NewTimer(min(wait, inFlight))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil, c.doubt(change, "it may still be on its way")
		case <-timer.C:
		}
	}
	return c.deployment(ctx, change.Object)
}

// inReplicaSets looks for the operation where the deployment controller copied the annotations: `kubectl rollout undo`
// replaces those of the Deployment, those of the ReplicaSets stay.
func (c *Cluster) inReplicaSets(ctx context.Context, change algesta.Change, e algesta.Execution) (bool, error) {
	sets := &unstructured.UnstructuredList{}
	sets.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	err := c.List(ctx, change.Object.Namespace, "", sets)
	if err != nil && !errors.Is(err, errManyObjects) {
		return false, fmt.Errorf("looking for the operation in the ReplicaSets: %w", err)
	}
	for i := range sets.Items {
		set := &sets.Items[i]
		owner := metav1.GetControllerOfNoCopy(set)
		if owner != nil && string(owner.UID) == e.UID && set.GetAnnotations()[algesta.OperationAnnotation] == e.Operation {
			return true, nil
		}
	}
	if err != nil { // asking again would end the same way
		return false, c.doubt(change, "not all ReplicaSets of the namespace were looked at")
	}
	return false, nil
}

// present reports whether every swap's new value is in the object. A value may be its hash.
func present(change algesta.Change, live *unstructured.Unstructured) bool {
	for _, s := range change.Swaps {
		if !holds(live.Object, s.Path, s.To) && !holdsHash(live.Object, s.Path, s.To) {
			return false
		}
	}
	return true
}

func holdsHash(object map[string]any, path string, want json.RawMessage) bool {
	v, found := at(object, path)
	if !found || want == nil {
		return false
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return false
	}
	hash, err := algesta.HashJSON(raw)
	return err == nil && string(want) == `"`+hash+`"`
}

func (c *Cluster) doubt(change algesta.Change, why string) error {
	return &algesta.Error{
		Kind:    algesta.ErrUncertain,
		Message: algesta.Say("I cannot tell whether {} was changed: {}.", algesta.Name(change.Object.Name), why),
		Hint:    algesta.Say("Look at its history and say what you see."),
	}
}
