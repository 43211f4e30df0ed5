package runbooks

import "strings"

// repository is an image reference without tag and digest.
func repository(image string) string {
	repo, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndexByte(repo, ':'); colon > strings.LastIndexByte(repo, '/') {
		return repo[:colon]
	}
	return repo
}

// version is what people call an image: its tag, else the beginning of its digest, else "latest", which is what the
// kubelet would pull.
func version(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if tag := strings.TrimPrefix(name[len(repository(image)):], ":"); tag != "" {
		return tag
	}
	if pinned {
		return shorten(digest, len("sha256:")+12)
	}
	return "latest"
}

// shortImage is the image without its registry: "…/api-gateway:12345".
func shortImage(image string) string {
	if slash := strings.LastIndexByte(repository(image), '/'); slash >= 0 {
		return "…" + image[slash:]
	}
	return image
}

// movable reports whether the reference may mean another image tomorrow: no tag and no digest, or the tag latest.
func movable(image string) bool {
	return !strings.Contains(image, "@") && version(image) == "latest"
}
