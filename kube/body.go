package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
)

// body is what is sent for a change. hash is the SHA-256, in hexadecimal, of what is the same at every try.
type body struct {
	bytes []byte
	hash  string
}

// bodyOf is what is sent for a change to an object that was read as s.
func bodyOf(change algesta.Change, operation string, s seen, to bound) (body, error) {
	switch change.Verb {
	case algesta.Create:
		return creation(change, operation)
	case algesta.Patch:
		ops, err := patchOf(change, operation, s.live, to)
		if err != nil {
			return body{}, err
		}
		hash, err := hashPatch(ops)
		if err != nil {
			return body{}, err
		}
		b, err := json.Marshal(ops)
		if err != nil {
			return body{}, fmt.Errorf("writing the patch: %w", err)
		}
		return body{b, hash}, nil
	case algesta.Exec: // it has none: Apply runs it another way
	case algesta.Delete:
		return deletion(change, operation, s, to)
	}
	return body{}, fmt.Errorf("a change of %s has the verb %q", change.Object, change.Verb)
}

// creation is the object to create, with the annotations by which it is known afterwards.
func creation(change algesta.Change, operation string) (body, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(change.Content); err != nil {
		return body{}, fmt.Errorf("the content of %s cannot be read", change.Object) // the error quotes it
	}
	hash, err := algesta.HashJSON(change.Content)
	if err != nil {
		return body{}, fmt.Errorf("the content of %s cannot be read", change.Object)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[algesta.OperationAnnotation], annotations[algesta.ContentAnnotation] = operation, hash
	object.SetAnnotations(annotations)
	b, err := object.MarshalJSON()
	if err != nil {
		return body{}, fmt.Errorf("writing %s: %w", change.Object, err)
	}
	return body{b, digest(b)}, nil
}

// deletion deletes the very object that people saw, as it was just read. Where its status is written faster than it can be read and
// deleted, the resourceVersion is left out in the end; its UID is not.
func deletion(change algesta.Change, operation string, s seen, to bound) (body, error) {
	uid := types.UID(change.UID)
	propagation := metav1.DeletionPropagation(change.Propagation)
	options := metav1.DeleteOptions{
		TypeMeta:      metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"},
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &propagation,
	}
	kept, err := json.Marshal(options)
	if err != nil {
		return body{}, fmt.Errorf("writing the end of %s: %w", change.Object, err)
	}
	if operation == checking { // with a body, the API server reads nothing of the address: a dry run that says so there alone would delete
		options.DryRun = []string{metav1.DryRunAll}
	}
	if change.Subresource == algesta.Eviction {
		return eviction(change, options, kept)
	}
	if to == toVersion {
		options.Preconditions.ResourceVersion = &s.version
	}
	b, err := json.Marshal(options)
	if err != nil {
		return body{}, fmt.Errorf("writing the end of %s: %w", change.Object, err)
	}
	return body{b, digest(kept)}, nil
}

// eviction asks for the end of a pod. It's bound to the pod's UID alone: an eviction that is refused for its resourceVersion has used up
// what the disruption budget allows, for two minutes (pkg/registry/core/pod/storage/eviction.go).
func eviction(change algesta.Change, options metav1.DeleteOptions, kept []byte) (body, error) {
	b, err := json.Marshal(policyv1.Eviction{
		TypeMeta:      metav1.TypeMeta{Kind: "Eviction", APIVersion: "policy/v1"},
		ObjectMeta:    metav1.ObjectMeta{Name: change.Object.Name, Namespace: change.Object.Namespace},
		DeleteOptions: &options,
	})
	if err != nil {
		return body{}, fmt.Errorf("writing the eviction of %s: %w", change.Object, err)
	}
	return body{b, digest(kept)}, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// managerOf is the field manager of a write. A status takes no annotation, so there it names the operation.
func managerOf(change algesta.Change, operation string) string {
	if change.Subresource != "" {
		return fieldManager + "-" + operation
	}
	return fieldManager
}

// marked reports whether an object says that an operation wrote it last: by its annotation, or by who manages the fields of its status.
func marked(change algesta.Change, operation string, object metav1.Object) bool {
	if change.Subresource == "" {
		return object.GetAnnotations()[algesta.OperationAnnotation] == operation
	}
	for _, f := range object.GetManagedFields() {
		if f.Manager == managerOf(change, operation) && f.Subresource == change.Subresource {
			return true
		}
	}
	return false
}
