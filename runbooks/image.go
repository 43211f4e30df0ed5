package runbooks

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

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

// requireImage asks the registry for the image and refuses one that is not there: its pods would wait for it forever. Where
// the registry does not say, the plan says so; not every bot may look into every registry.
func (s scene) requireImage(ctx context.Context, c Cluster, image string) (algesta.Field, error) {
	fact := func(v algesta.Text) algesta.Field { return algesta.Field{Label: "registry", Value: v} }
	registry, ok := c.(Registry)
	if !ok {
		return fact(algesta.Say("not checked: this cluster's registry cannot be asked")), nil
	}
	digest, err := registry.Image(ctx, image)
	switch {
	case err == nil:
		return fact(algesta.Say("has it ({})", shorten(digest, len("sha256:")+12))), nil
	case errors.Is(err, algesta.ErrNotFound):
		return algesta.Field{}, refusal(
			algesta.Say("The registry has no {}, so no pod could start with it.", algesta.Name(quote(shortImage(image)))),
			s.knownVersions(image),
		)
	case errors.Is(err, algesta.ErrForbidden):
		return fact(algesta.Say("not checked: it does not let me look")), nil
	}
	return fact(algesta.Say("not checked: it did not answer me")), nil
}

// knownVersions names what ran before, for whoever mistyped a tag.
func (s scene) knownVersions(image string) algesta.Text {
	var known []string
	for _, r := range s.revisions {
		if v := quote(version(s.image(r))); repository(s.image(r)) == repository(image) && !slices.Contains(known, v) && len(known) < 5 {
			known = append(known, v)
		}
	}
	if len(known) == 0 {
		return algesta.Say("Look whether its build has finished, and ask again.")
	}
	return algesta.Say("Look whether its build has finished. Versions that ran before: {}.", list(known))
}
