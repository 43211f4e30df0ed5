package algesta

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// TemplateHash identifies a pod template, given as the JSON of its typed form: 32 hexadecimal digits of SHA-256 over its
// canonical JSON without what the deployment controller adds to a ReplicaSet's copy (the label pod-template-hash). A Deployment
// and the ReplicaSet that was made from it have the same hash, also where values were stripped from a cache afterwards.
func TemplateHash(template []byte) (string, error) {
	var t map[string]any
	if err := json.Unmarshal(template, &t); err != nil {
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
