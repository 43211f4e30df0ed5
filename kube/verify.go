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
	"k8s.io/apimachinery/pkg/watch"

	"github.com/3astronautas/algesta"
)

// inFlight is how long a write may still be on its way after it was recorded: the server was told to give up after perCall.
const inFlight = perCall + 2*time.Second

// Verify looks whether the write of an execution happened (design.md, decision 2). The change may be the stored, redacted one, whose values
// are hashes (algesta.HashJSON). ErrUncertain where nobody can know.
//
// A patch of a Deployment raises its generation by one, and was bound to the object as it was at e.Generation:
//
//   - the annotation names this operation: it happened;
//   - the generation did not move: it did not happen, and once it can no longer be in flight it never will;
//   - the generation moved by one and the annotation is not ours: that one change was someone else's, so ours can never happen;
//   - it moved further: the write may have been overwritten. A ReplicaSet that carries the annotation, or the new values in the
//     object, say that it happened; otherwise nobody can know.
//
// A patch of anything else was bound to its resourceVersion (or generation): the mark of the operation says that it happened, an object
// that did not move that it didn't; in between the API server's own history says it (wrote). The same holds for an object to create. A
// delete happened where the object with its UID is gone or ending; one that is still there once the delete can't be in flight was not
// deleted.
func (w *Writer) Verify(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	switch {
	case change.Verb == algesta.Create:
		return w.verifyCreate(ctx, change, e)
	case change.Verb == algesta.Delete:
		return w.verifyDelete(ctx, change, e)
	case change.Object.Group == "apps" && change.Object.Kind == "Deployment" && change.Subresource == "":
		return w.verifyDeployment(ctx, change, e)
	}
	return w.verifyPatch(ctx, change, e)
}

// verified is what a write left that happened.
func verified(live *unstructured.Unstructured, generation int64) algesta.Verified {
	return algesta.Verified{Yes: true, Written: algesta.Written{ResourceVersion: live.GetResourceVersion(), Generation: generation}}
}

// samePatched reads the object of a patch; one that was deleted leaves the outcome in doubt.
func (w *Writer) samePatched(ctx context.Context, change algesta.Change, e algesta.Execution) (*unstructured.Unstructured, error) {
	s, err := w.look(ctx, change)
	if errors.Is(err, algesta.ErrNotFound) {
		return nil, doubt(change, "it was deleted in the meantime")
	}
	if err != nil {
		return nil, err
	}
	if string(s.live.GetUID()) != e.UID {
		return nil, doubt(change, "it was deleted and recreated in the meantime")
	}
	return s.live, nil
}

func (w *Writer) verifyDeployment(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	live, err := w.samePatched(ctx, change, e)
	if err != nil {
		return algesta.Verified{}, err
	}
	if live.GetGeneration() == e.Generation { // whatever else changed, a patch that is bound to the generation may still arrive
		if err := afterFlight(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
		if live, err = w.samePatched(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
	}
	moved := live.GetGeneration() - e.Generation
	switch {
	case marked(change, e.Operation, live):
		return verified(live, e.Generation+1), nil
	case moved <= 1:
		return algesta.Verified{}, nil
	}
	found, err := w.inReplicaSets(ctx, change, e)
	if err != nil {
		return algesta.Verified{}, err
	}
	if found || present(change, live) {
		return verified(live, e.Generation+1), nil
	}
	return algesta.Verified{}, doubt(change, "it has been changed several times since")
}

// verifyPatch verifies a patch of anything but a Deployment.
func (w *Writer) verifyPatch(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	live, err := w.samePatched(ctx, change, e)
	if err != nil {
		return algesta.Verified{}, err
	}
	moved := func() bool {
		if raises(change) {
			return live.GetGeneration() != e.Generation
		}
		return live.GetResourceVersion() != e.ResourceVersion
	}
	if !marked(change, e.Operation, live) && !moved() {
		if err := afterFlight(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
		if live, err = w.samePatched(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
	}
	switch {
	case marked(change, e.Operation, live):
		return verified(live, live.GetGeneration()), nil
	case !moved():
		return algesta.Verified{}, nil
	}
	found, err := w.wrote(ctx, change, e, live.GetResourceVersion())
	if errors.Is(err, algesta.ErrUncertain) && present(change, live) {
		found, err = true, nil
	}
	if err != nil || !found {
		return algesta.Verified{}, err
	}
	return verified(live, live.GetGeneration()), nil
}

func (w *Writer) verifyCreate(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	s, err := w.look(ctx, change)
	if err != nil {
		return algesta.Verified{}, err
	}
	if s.live == nil {
		if err := afterFlight(ctx, change, e); err != nil {
			return algesta.Verified{}, err
		}
		if s, err = w.look(ctx, change); err != nil {
			return algesta.Verified{}, err
		}
	}
	if s.live != nil && marked(change, e.Operation, s.live) &&
		string(change.Content) == `"`+s.live.GetAnnotations()[algesta.ContentAnnotation]+`"` {
		return verified(s.live, s.generation), nil
	}
	last := ""
	if s.live != nil {
		last = s.live.GetResourceVersion()
	}
	found, err := w.wrote(ctx, change, e, last)
	if err != nil || !found {
		return algesta.Verified{}, err
	}
	return algesta.Verified{}, doubt(change, "it was created, and now it's gone or another one")
}

func (w *Writer) verifyDelete(ctx context.Context, change algesta.Change, e algesta.Execution) (algesta.Verified, error) {
	there, err := w.stillThere(ctx, change, e)
	if err != nil || !there {
		return algesta.Verified{Yes: err == nil}, err
	}
	if err := afterFlight(ctx, change, e); err != nil {
		return algesta.Verified{}, err
	}
	there, err = w.stillThere(ctx, change, e)
	return algesta.Verified{Yes: err == nil && !there}, err
}

// stillThere says that the object which was to be deleted is there and isn't ending.
func (w *Writer) stillThere(ctx context.Context, change algesta.Change, e algesta.Execution) (bool, error) {
	s, err := w.look(ctx, change)
	if errors.Is(err, algesta.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return string(s.live.GetUID()) == e.UID && s.live.GetDeletionTimestamp() == nil, nil
}

// afterFlight waits until a write that was sent can no longer arrive.
func afterFlight(ctx context.Context, change algesta.Change, e algesta.Execution) error {
	wait := inFlight - time.Since(e.StartedAt)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(min(wait, inFlight))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return doubt(change, "it may still be on its way")
	case <-timer.C:
		return nil
	}
}

// The bounds of a look into the past.
const (
	pastTries = 3
	// pastWithin is for how long the past of an object that is there is waited for: it comes at once.
	pastWithin = 5 * time.Second
	// quietFor is how long nothing may come of one that isn't there before it counts as one that never was.
	quietFor = 2 * time.Second
)

// wrote searches what the API server still knows of the object's past, from what the write was bound to, for the mark of the operation. It
// knows some minutes; ErrUncertain where that isn't enough, or where it may not be read to its end. last is the resourceVersion of the
// object as it was just read, "" where it isn't there.
func (w *Writer) wrote(ctx context.Context, change algesta.Change, e algesta.Execution, last string) (bool, error) {
	for range pastTries {
		found, whole, err := w.past(ctx, change, e, last)
		if err != nil || found || whole {
			return found, err
		}
	}
	return false, doubt(change, "it may have been changed since, and its past couldn't be read to its end")
}

// past looks once. A watch that ends by itself, because a connection broke or a server stopped, says nothing about that, so the past is
// whole only where the object's last state was in it, or, of one that isn't there, where the watch went on and nothing came.
func (w *Writer) past(ctx context.Context, change algesta.Change, e algesta.Execution, last string) (found, whole bool, err error) {
	events, err := w.at(change).Watch(ctx, metav1.ListOptions{
		FieldSelector: "metadata.name=" + change.Object.Name, ResourceVersion: e.ResourceVersion,
	})
	if err != nil {
		at := attempt{"watch", resourceOfChange(change).Resource, change.Object.Namespace, ""}
		if err = w.c.explain(at, err); errors.Is(err, algesta.ErrUnreachable) {
			return false, false, err
		}
		return false, false, doubt(change, "it has been changed since, and its past can't be read any more")
	}
	defer events.Stop()
	wait := pastWithin
	if last == "" {
		wait = quietFor
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, false, w.c.explain(attemptOf(change), ctx.Err())
		case <-timer.C:
			return false, last == "", nil
		case event, open := <-events.ResultChan():
			if !open {
				return false, false, nil
			}
			if event.Type == watch.Error {
				return false, false, doubt(change, "it has been changed since, and its past can't be read any more")
			}
			object, ok := event.Object.(metav1.Object)
			switch {
			case ok && marked(change, e.Operation, object):
				return true, true, nil
			case ok && object.GetResourceVersion() == last:
				return false, true, nil
			}
		}
	}
}

// inReplicaSets looks for the operation where the deployment controller copied the annotations: `kubectl rollout undo`
// replaces those of the Deployment, those of the ReplicaSets stay.
func (w *Writer) inReplicaSets(ctx context.Context, change algesta.Change, e algesta.Execution) (bool, error) {
	sets := &unstructured.UnstructuredList{}
	sets.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	err := w.c.List(ctx, change.Object.Namespace, "", sets)
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
		return false, doubt(change, "not all ReplicaSets of the namespace were looked at")
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

func doubt(change algesta.Change, why string) error {
	return &algesta.Error{
		Kind:    algesta.ErrUncertain,
		Message: algesta.Say("I can't tell whether {} was {}: {}.", algesta.Name(change.Object.Name), deed(change), why),
		Hint:    algesta.Say("Check its history and say what you see."),
	}
}
