package algesta

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// TemplateHash identifies a pod template, given as the JSON of its typed form: 32 hexadecimal digits of SHA-256 over its
// canonical JSON without what the deployment controller adds to a ReplicaSet's copy (the label pod-template-hash). A Deployment
// and the ReplicaSet that was made from it have the same hash, also where values were stripped from a cache afterwards.
func TemplateHash(template []byte) (string, error) {
	var t map[string]any
	if err := decodeJSON(template, &t); err != nil {
		return "", fmt.Errorf("reading a pod template: %w", err)
	}
	if meta, ok := t["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp") // older servers and clients write null
		if labels, ok := meta["labels"].(map[string]any); ok {
			delete(labels, "pod-template-hash")
			if len(labels) == 0 {
				delete(meta, "labels")
			}
		}
	}
	b, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("hashing a pod template: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// FieldManager is the bot in managedFields of what it writes.
const FieldManager = "algesta"

// CauseTemplateAnnotation holds the TemplateHash of the template that the annotation kubernetes.io/change-cause is about. Kubernetes copies
// both to the ReplicaSet, and keeps both when someone else changes the template: then they don't fit any more.
const CauseTemplateAnnotation = "algesta.io/change-cause-template"

// TemplateChangedAnnotation holds when the bot last changed the template, in RFC 3339. A ReplicaSet that a rollback returns to keeps the
// creation time of its first life.
const TemplateChangedAnnotation = "algesta.io/template-changed-at"

// causeAnnotation is where kubectl looks for why a revision was made.
const causeAnnotation = "kubernetes.io/change-cause"

var signedCause = regexp.MustCompile(`\((c-[0-9a-z]{1,32})\)\s*$`)

// RequestOfCause is the ID of the request that a change-cause of the bot ends with, "" for a cause that someone else wrote.
func RequestOfCause(cause string) string {
	if m := signedCause.FindStringSubmatch(cause); m != nil {
		return m[1]
	}
	return ""
}

// CauseFits reports whether the change-cause among the annotations of a Deployment or ReplicaSet may be told about the template with
// this TemplateHash. One that carries an ID of the bot and the mark of another template was left behind by an older change: it says
// nothing about who changed the template since. A cause without a mark fits.
func CauseFits(annotations map[string]string, template string) bool {
	about := annotations[CauseTemplateAnnotation]
	return about == "" || about == template || RequestOfCause(annotations[causeAnnotation]) == ""
}

// TemplateChangedAt is when the bot wrote the template with this TemplateHash to a Deployment or ReplicaSet with these annotations; ok is
// false where it did not, or someone else changed it since.
func TemplateChangedAt(annotations map[string]string, template string) (at time.Time, ok bool) {
	if annotations[CauseTemplateAnnotation] != template {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, annotations[TemplateChangedAnnotation])
	return at, err == nil
}
