package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// How long Apply goes on where only the resourceVersion moved (design.md, decision 1).
const (
	tries     = 10
	tryWithin = 5 * time.Second
	jitterMax = 30 * time.Millisecond
)

// checking is the operation's name in a dry run, which stores nothing.
const checking = "check"

// Check runs the change as a dry run on the server: admission and validation answer as they would. It does not prove that
// pods will be created, which quota and admission decide later. Warnings are the server's own sentences, cleaned.
func (c *Cluster) Check(ctx context.Context, change algesta.Change) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	heard := &warnings{}
	for try := range tries {
		live, err := c.readForWrite(ctx, change)
		if err != nil {
			return nil, err
		}
		ops, err := patchOf(change, checking, live, boundAt(try))
		if err != nil {
			return nil, err
		}
		_, err = c.patch(ctx, change.Object, ops, heard)
		switch codeOf(err) {
		case http.StatusConflict:
			if err := pause(ctx); err != nil {
				return nil, c.explain(attemptOf(change), err)
			}
			continue
		case http.StatusUnprocessableEntity, http.StatusBadRequest:
			return nil, c.refused(ctx, change, live.GetGeneration(), err)
		}
		return heard.all(), c.explain(attemptOf(change), err)
	}
	return nil, nil // its status changes all the time; Apply will try again
}

// Apply makes the change once. It reads the object, compares it with what people saw, hands what it read to intend, and patches
// only after intend returned nil. Where the resourceVersion alone had moved it does so again, up to 10 times within 5 s, in the end bound
// to the generation alone.
// ErrConflict, ErrInvalid, ErrForbidden, ErrNotFound and ErrUnreachable mean that nothing was written; ErrUncertain means that
// the patch was sent and its outcome is not known. A patch is never sent again after such an answer.
func (c *Cluster) Apply(
	ctx context.Context, change algesta.Change, operation string, intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	within, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	first := int64(-1)
	for try := range tries {
		live, err := c.readForWrite(within, change)
		if err != nil {
			return algesta.Written{}, err
		}
		if first < 0 {
			first = live.GetGeneration()
		}
		if live.GetGeneration() != first {
			return algesta.Written{}, changedMeanwhile(change, "")
		}
		ops, err := patchOf(change, operation, live, boundAt(try))
		if err != nil {
			return algesta.Written{}, err
		}
		hash, err := hashPatch(ops)
		if err != nil {
			return algesta.Written{}, err
		}
		intent := algesta.Intent{UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion(), Generation: first, PatchHash: hash}
		if err := intend(ctx, intent); err != nil {
			return algesta.Written{}, fmt.Errorf("recording the intent: %w", err)
		}
		// The call has its own time: a patch that is cut off by what the tries before it took would end in doubt.
		after, err := c.patch(ctx, change.Object, ops, nil)
		if err == nil {
			c.noteWrite(change.Object, after.UID, after.Generation)
			return algesta.Written{ResourceVersion: after.ResourceVersion, Generation: after.Generation}, nil
		}
		if codeOf(err) != http.StatusConflict {
			return algesta.Written{}, c.notWritten(ctx, change, first, err)
		}
		if err := pause(within); err != nil {
			break
		}
	}
	return algesta.Written{}, &algesta.Error{
		Kind: algesta.ErrConflict,
		Message: algesta.Say(
			"{} changes so fast that I could not write to it: {} tries in {}.", algesta.Name(change.Object.Name), tries, words.Span(tryWithin),
		),
		Hint: algesta.Say("Nothing was changed. Look who writes to it all the time, then ask again."),
	}
}

// pause waits a moment of random length, so that two writers do not meet again. client-go's retry.RetryOnConflict would go on sleeping
// after ctx ended, and repeats one function, where every try here records an intent of its own.
func pause(ctx context.Context) error {
	timer := time.NewTimer(rand.N(jitterMax)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// readForWrite reads the object live and compares it with what people saw.
func (c *Cluster) readForWrite(ctx context.Context, change algesta.Change) (*unstructured.Unstructured, error) {
	live, err := c.deployment(ctx, change.Object)
	if err != nil {
		return nil, err
	}
	if string(live.GetUID()) != change.UID {
		return nil, &algesta.Error{
			Kind:    algesta.ErrConflict,
			Message: algesta.Say("{} was deleted and made anew since you were asked.", algesta.Name(change.Object.Name)),
			Hint:    algesta.Say("Nothing was changed. Ask again to see what it is now."),
		}
	}
	if what := mismatch(change, live); what != "" {
		return nil, changedMeanwhile(change, what)
	}
	return live, nil
}

func changedMeanwhile(change algesta.Change, what string) error {
	message := algesta.Say("{} was changed since you were asked.", algesta.Name(change.Object.Name))
	if what != "" {
		message = algesta.Say("{} was changed since you were asked: its {} is not what you saw.", algesta.Name(change.Object.Name), what)
	}
	return &algesta.Error{
		Kind:    algesta.ErrConflict,
		Message: message,
		Hint:    algesta.Say("Nothing was changed. Ask again to see what it is now."),
	}
}

func attemptOf(change algesta.Change) attempt {
	return attempt{"patch", "deployments", change.Object.Namespace, change.Object.Name}
}

// patch sends one JSON Patch, once: client-go's own retries are off, because a patch whose answer was lost may be in
// the cluster. heard makes it a dry run and collects the warnings.
func (c *Cluster) patch(ctx context.Context, w algesta.Object, ops []op, heard *warnings) (metav1.ObjectMeta, error) {
	body, err := json.Marshal(ops)
	if err != nil {
		return metav1.ObjectMeta{}, fmt.Errorf("writing the patch: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, perCall+time.Second) // the server gives up first and says so
	defer cancel()
	req := c.writes.Patch(types.JSONPatchType).AbsPath("/apis/apps/v1").Namespace(w.Namespace).Resource("deployments").Name(w.Name).
		Param("fieldManager", fieldManager).Param("fieldValidation", metav1.FieldValidationStrict).
		SetHeader("Accept", "application/json").MaxRetries(0).Timeout(perCall).Body(body)
	if heard != nil {
		req = req.Param("dryRun", metav1.DryRunAll).WarningHandlerWithContext(heard)
	}
	result := req.Do(ctx)
	if err := result.Error(); err != nil { // unlike Raw it reads the fields that the server names
		return metav1.ObjectMeta{}, err
	}
	answer, err := result.Raw()
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	var written metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &written); err != nil {
		return metav1.ObjectMeta{}, errors.New("the answer to the patch cannot be read")
	}
	return written.ObjectMeta, nil
}

// notWritten sorts the errors of a patch that was sent. 4xx: it certainly did not happen. No connection: it never left.
// Everything else is doubt.
func (c *Cluster) notWritten(ctx context.Context, change algesta.Change, generation int64, err error) error {
	code := codeOf(err)
	switch {
	case code == http.StatusUnprocessableEntity, code == http.StatusBadRequest:
		return c.refused(ctx, change, generation, err)
	case code >= 400 && code < 500, code == 0 && neverSent(err):
		return c.explain(attemptOf(change), err)
	}
	return &algesta.Error{
		Kind:    algesta.ErrUncertain,
		Message: algesta.Say("The cluster {} did not say whether {} was changed.", algesta.Name(c.name), algesta.Name(change.Object.Name)),
		Hint:    algesta.Say("I look at it and say here what I find. It is not sent a second time."),
		Err:     c.logged(attemptOf(change), err),
	}
}

// refused explains a 422 or 400. The API never says which test of a patch failed, so the object is read once more; generation is the
// one that the patch was made for.
func (c *Cluster) refused(ctx context.Context, change algesta.Change, generation int64, err error) error {
	live, readErr := c.readForWrite(ctx, change)
	if errors.Is(readErr, algesta.ErrConflict) || errors.Is(readErr, algesta.ErrNotFound) {
		return readErr
	}
	if readErr == nil && live.GetGeneration() != generation {
		return changedMeanwhile(change, "")
	}
	return c.explain(attemptOf(change), err)
}

// warnings collects the Warning headers of one request.
type warnings struct {
	mu    sync.Mutex
	heard []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	if code != 299 || text == "" { // the only code that Kubernetes uses
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if text = clip(text); !slices.Contains(w.heard, text) {
		w.heard = append(w.heard, text)
	}
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.heard)
}
