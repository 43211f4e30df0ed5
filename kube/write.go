package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// How long Apply continues where only the resourceVersion moved (design.md, decision 1).
const (
	tries     = 10
	tryWithin = 5 * time.Second
	jitterMax = 30 * time.Millisecond
)

// checking is the operation's name in a dry run, which stores nothing.
const checking = "check"

// Check runs the change as a dry run on the server: admission and validation answer as they would. It does not prove that
// pods will be created, which quota and admission decide later. Warnings are the server's own sentences, cleaned.
func (w *Writer) Check(ctx context.Context, change algesta.Change) ([]string, error) {
	if err := w.allow(change); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	heard := &warnings{}
	for try := range tries {
		s, err := w.readForWrite(ctx, change)
		if err != nil {
			return nil, err
		}
		b, err := bodyOf(change, checking, s, boundAt(change, try))
		if err != nil {
			return nil, err
		}
		_, err = w.send(ctx, change, checking, b, heard)
		switch code := codeOf(err); {
		case code == http.StatusConflict && change.Verb == algesta.Create:
			return nil, thereAlready(change)
		case budgetRefuses(err):
			return nil, noBudget(change)
		case severalBudgets(change, err):
			return nil, tooManyBudgets(change)
		case code == http.StatusConflict:
			if err := pause(ctx); err != nil {
				return nil, w.explain(attemptOf(change), err)
			}
			continue
		case code == http.StatusUnprocessableEntity, code == http.StatusBadRequest:
			return nil, w.refused(ctx, change, s.generation, err)
		}
		return heard.all(), w.explain(attemptOf(change), err)
	}
	return nil, nil // its status changes all the time; Apply will try again
}

// Apply makes the change once. It reads the object, compares it with what people saw, passes what it read to intend, and writes
// only after intend returned nil. Where the resourceVersion alone had moved it does so again, up to 10 times within 5 s, in the end bound
// to the generation alone where the change moves that.
// ErrConflict, ErrInvalid, ErrForbidden, ErrNotFound and ErrUnreachable mean that nothing was written; ErrUncertain means that
// the write was sent and its outcome is not known. A write is never sent again after such an answer.
func (w *Writer) Apply(
	ctx context.Context,
	change algesta.Change,
	operation string,
	intend func(context.Context, algesta.Intent) error,
) (algesta.Written, error) {
	if err := w.allow(change); err != nil {
		return algesta.Written{}, err
	}
	within, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	first := int64(-1)
	for try := range tries {
		s, err := w.readForWrite(within, change)
		if err != nil {
			return algesta.Written{}, err
		}
		if first < 0 {
			first = s.generation
		}
		if s.generation != first {
			return algesta.Written{}, changedMeanwhile(change, "")
		}
		b, err := bodyOf(change, operation, s, boundAt(change, try))
		if err != nil {
			return algesta.Written{}, err
		}
		intent := algesta.Intent{UID: change.UID, ResourceVersion: s.version, Generation: first, PatchHash: b.hash}
		if err := intend(ctx, intent); err != nil {
			return algesta.Written{}, fmt.Errorf("recording the intent: %w", err)
		}
		// The call has its own time: a write that is cut off by what the tries before it took would end in doubt.
		after, err := w.send(ctx, change, operation, b, nil)
		if err == nil {
			w.c.noteWrite(change.Object, after.UID, after.Generation)
			return algesta.Written{ResourceVersion: after.ResourceVersion, Generation: after.Generation}, nil
		}
		if codeOf(err) != http.StatusConflict || change.Verb == algesta.Create {
			return algesta.Written{}, w.notWritten(ctx, change, first, err)
		}
		if err := pause(within); err != nil {
			break
		}
	}
	return algesta.Written{}, &algesta.Error{
		Kind: algesta.ErrConflict,
		Message: algesta.Say(
			"{} changes so fast that I couldn't write to it: {} tries in {}.", algesta.Name(change.Object.Name), tries, words.Span(tryWithin),
		),
		Hint: algesta.Say("Nothing was changed. Find out what keeps writing to it, then ask again."),
	}
}

// pause waits a moment of random length, so that two writers don't collide again. client-go's retry.RetryOnConflict would keep sleeping
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

// send sends one write, once: client-go's own retries are off, because a write whose answer was lost may be in
// the cluster. heard makes it a dry run and collects the warnings.
func (w *Writer) send(ctx context.Context, change algesta.Change, operation string, b body, heard *warnings) (metav1.ObjectMeta, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall+time.Second) // the server gives up first and says so
	defer cancel()
	var req *rest.Request
	switch change.Verb {
	case algesta.Create:
		req = w.c.writes.Post().SetHeader("Content-Type", "application/json")
	case algesta.Patch:
		req = w.c.writes.Patch(types.JSONPatchType)
	case algesta.Exec: // it's no request of this kind, and never comes here
		return metav1.ObjectMeta{}, errors.New("a program is not run by a write")
	case algesta.Delete:
		req = w.c.writes.Delete().SetHeader("Content-Type", "application/json")
		if change.Subresource == algesta.Eviction {
			req = w.c.writes.Post().SetHeader("Content-Type", "application/json")
		}
	}
	resource := resourceOfChange(change)
	req = req.AbsPath(apiPath(resource.GroupVersion())).NamespaceIfScoped(change.Object.Namespace, change.Object.Namespace != "").
		Resource(resource.Resource).SetHeader("Accept", "application/json").MaxRetries(0).Timeout(perCall).Body(b.bytes)
	if change.Verb != algesta.Create {
		req = req.Name(change.Object.Name)
	}
	if change.Subresource != "" {
		req = req.SubResource(change.Subresource)
	}
	if change.Verb != algesta.Delete {
		req = req.Param("fieldManager", managerOf(change, operation)).Param("fieldValidation", metav1.FieldValidationStrict)
	}
	if w.as != nil {
		req = req.SetHeader("Impersonate-User", w.as.User).SetHeader("Impersonate-Group", w.as.Groups...)
	}
	if heard != nil {
		req = req.Param("dryRun", metav1.DryRunAll).WarningHandlerWithContext(heard)
	}
	result := req.Do(ctx)
	if err := result.Error(); err != nil { // unlike Raw it reads the fields that the server names
		return metav1.ObjectMeta{}, err
	}
	if change.Verb == algesta.Delete { // the answer is the object as it was, or a Status
		return metav1.ObjectMeta{}, nil
	}
	answer, err := result.Raw()
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	var written metav1.PartialObjectMetadata
	if err := json.Unmarshal(answer, &written); err != nil {
		return metav1.ObjectMeta{}, errors.New("the answer to the write cannot be read")
	}
	return written.ObjectMeta, nil
}

// notWritten classifies the errors of a write that was sent. 4xx: it certainly did not happen. No connection: it never left.
// Everything else is doubt.
func (w *Writer) notWritten(ctx context.Context, change algesta.Change, generation int64, err error) error {
	code := codeOf(err)
	switch {
	case code == http.StatusConflict && change.Verb == algesta.Create:
		return thereAlready(change)
	case budgetRefuses(err):
		return noBudget(change)
	case severalBudgets(change, err):
		return tooManyBudgets(change)
	case code == http.StatusUnprocessableEntity, code == http.StatusBadRequest:
		return w.refused(ctx, change, generation, err)
	case certainlyNot(code, err), w.c.stopped(err) != nil && !conversionFails.MatchString(err.Error()): // an answer is converted, too
		return w.explain(attemptOf(change), err)
	}
	return &algesta.Error{
		Kind: algesta.ErrUncertain,
		Message: algesta.Say(
			"The cluster {} didn't say whether {} was {}.",
			algesta.Name(w.c.name),
			algesta.Name(change.Object.Name),
			deed(change),
		),
		Hint: algesta.Say("I'll check and say here what I find. I won't send it a second time."),
		Err:  w.c.logged(attemptOf(change), err),
	}
}

// budgetRefuses reports whether an eviction was refused because of a disruption budget: with 429, as by a server that is busy.
func budgetRefuses(err error) bool {
	return apierrors.IsTooManyRequests(err) && apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause)
}

func noBudget(change algesta.Change) error {
	return &algesta.Error{
		Kind: algesta.ErrInvalid,
		Message: algesta.Say(
			"The PodDisruptionBudget of {} allows no pod to be missing now, so I won't remove it.",
			algesta.Name(change.Object.Name),
		),
		Hint: algesta.Say("Wait until the other pods are ready, or find out why they aren't."),
	}
}

// severalBudgets reports whether an eviction was refused because more than one disruption budget selects the pod: with 500, before anything
// is done (k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go).
func severalBudgets(change algesta.Change, err error) bool {
	return change.Subresource == algesta.Eviction && codeOf(err) == http.StatusInternalServerError &&
		strings.Contains(err.Error(), "more than one PodDisruptionBudget")
}

func tooManyBudgets(change algesta.Change) error {
	return &algesta.Error{
		Kind: algesta.ErrInvalid,
		Message: algesta.Say(
			"More than one PodDisruptionBudget selects {}, and Kubernetes evicts no such pod.", algesta.Name(change.Object.Name),
		),
		Hint: algesta.Say("Leave one of them. Nothing was changed."),
	}
}

// refused explains a 422 or 400. The API never says which test of a patch failed, so the object is read once more; generation is the
// one that the write was made for.
func (w *Writer) refused(ctx context.Context, change algesta.Change, generation int64, err error) error {
	s, readErr := w.readForWrite(ctx, change)
	if errors.Is(readErr, algesta.ErrConflict) || errors.Is(readErr, algesta.ErrNotFound) {
		return readErr
	}
	if readErr == nil && s.generation != generation {
		return changedMeanwhile(change, "")
	}
	return w.explain(attemptOf(change), err)
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
