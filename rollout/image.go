package rollout

import (
	"strings"

	"github.com/3astronautas/algesta/redact"
)

// Repository is an image reference without tag and digest.
func Repository(image string) string {
	repo, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndexByte(repo, ':'); colon > strings.LastIndexByte(repo, '/') {
		return repo[:colon]
	}
	return repo
}

// Version is what people call an image: its tag, else the beginning of its digest, else "latest", which is what the
// kubelet would pull.
func Version(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if tag := strings.TrimPrefix(name[len(Repository(image)):], ":"); tag != "" {
		return tag
	}
	if pinned {
		return redact.Cut(digest, len("sha256:")+12)
	}
	return "latest"
}

// ShortImage is the image without its registry: "…/api-gateway:12345".
func ShortImage(image string) string {
	if slash := strings.LastIndexByte(Repository(image), '/'); slash >= 0 {
		return "…" + image[slash:]
	}
	return image
}
