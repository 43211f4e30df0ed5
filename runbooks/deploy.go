package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

var (
	imageArg = Arg{
		Name: "image", Aliases: []string{"tag"}, Kind: TextArg, Required: true, Bare: true,
		Summary: "the tag to run, or the whole image", Offers: offerImages,
	}
	containerArg  = Arg{Name: "container", Aliases: []string{"c"}, Kind: TextArg, Summary: "which container, where there are several"}
	repositoryArg = Arg{
		Name: "allow-other-repository", Kind: SwitchArg,
		Summary: "yes, the image is meant to come from another repository than now",
	}
)

var _ = register(Runbook{
	Name:    "deploy",
	Aliases: []string{"set image"},
	Verb:    "deploy",
	Summary: "Run another version of a service.",
	Example: "deploy api-gateway production 12346",
	Rank:    210,
	About:   aboutWorkload,
	Args:    []Arg{imageArg, containerArg, repositoryArg},
	Reads:   workloadReads,
	Writes:  patchWorkloads,
	Ends:    WithRollout(),
	Plan:    planDeploy,
})

func planDeploy(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseTemplate(ctx, c, "deploy"); err != nil {
		return algesta.Plan{}, err
	}
	at, err := s.deployContainer()
	if err != nil {
		return algesta.Plan{}, err
	}
	container := s.d.Spec.Template.Spec.Containers[at]
	image, err := wantedImage(in, container.Image)
	if err != nil {
		return algesta.Plan{}, err
	}
	replicas := s.d.Replicas()
	p := algesta.Plan{
		Title:   algesta.Say("Deploy to {} ({})", subject(in), versions(container.Image, image)),
		Summary: algesta.Say("Deploy to {}: {}", algesta.Name(in.Workload.Name), versions(container.Image, image)),
		Doing:   algesta.Say("Deploying to {}: {}", subject(in), versions(container.Image, image)),
		Done:    s.stored(algesta.Say("{} is on {}", subject(in), quote(rollout.Version(image))), quote(rollout.Version(image))),
		Of:      s.of(),
		Figures: map[string]int64{"pods": int64(replicas), "surge": 0},
	}
	if image == container.Image {
		version := algesta.Name(quote(rollout.ShortImage(image)))
		p.Nothing = algesta.Say("{} already runs {}.", subject(in), version)
		if !s.up() {
			p.Nothing = s.notUp(algesta.Say("{}", version))
			return p, nil
		}
		if container.ImagePullPolicy == corev1.PullAlways {
			p.Nothing = p.Nothing.Then("If the tag was pushed again, {} pulls it.", command(in, "restart", ""))
		}
		return p, nil
	}
	template, err := s.withImage(at, image)
	if err != nil {
		return algesta.Plan{}, err
	}
	if p.Template, err = rollout.TemplateHash(template); err != nil {
		return algesta.Plan{}, err
	}
	swaps, err := s.deploySwaps(at, image, p.Template)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swaps...)}
	p.Undo = s.undo(image, container.Image)
	typed, err := rollout.TypedTemplate(template)
	if err != nil {
		return algesta.Plan{}, err
	}
	surge, unavailable := rolling(s.d, replicas)
	p.Figures["surge"] = int64(surge)
	room, warnings := s.rollWarnings(ctx, c, typed, surge, unavailable)
	differences := rollout.Differences(s.d.Template(), template)
	p.Diff, p.Facts = rollout.Lines(differences), append(s.kindFact(), rollout.Fields(differences)...)
	if err := s.requireImage(ctx, c, image, &p); err != nil {
		return algesta.Plan{}, err
	}
	p.Facts = append(p.Facts, algesta.Field{Label: "pods", Value: s.podsFact(replicas, s.extra(surge), room)})
	if rollout.Repository(image) != rollout.Repository(container.Image) {
		p.Warnings = append(
			p.Warnings,
			algesta.Say(
				"The repository changes: {} instead of {}.",
				algesta.Name(quote(rollout.Repository(image))),
				algesta.Name(quote(rollout.Repository(container.Image))),
			),
		)
	}
	if movable(container.Image) {
		p.Warnings = append(
			p.Warnings,
			algesta.Say(
				"What runs now has no fixed version ({}): a later rollback can't bring back exactly this.",
				algesta.Name(quote(rollout.ShortImage(container.Image))),
			),
		)
	}
	p.Warnings = append(append(p.Warnings, warnings...), s.bringsBack(template, replicas)...)
	return p, nil
}

// deployContainer is the index of the container to change. kubectl would add a container when a patch names one that is
// not there, so the name is looked up here.
func (s workloadState) deployContainer() (int, error) {
	containers := s.d.Spec.Template.Spec.Containers
	var names []string
	for _, c := range containers {
		names = append(names, c.Name)
	}
	wanted := containerArg.Text(s.in)
	if wanted == "" && len(containers) == 1 {
		return 0, nil
	}
	if i := slices.Index(names, wanted); i >= 0 {
		return i, nil
	}
	if i := slices.Index(names, s.in.Command.Target.Service); wanted == "" && i >= 0 {
		return i, nil
	}
	message := algesta.Say("{} has several containers: {}.", algesta.Name(s.d.Name), list(names))
	if wanted != "" {
		message = algesta.Say("{} has no container {}. It has {}.", algesta.Name(s.d.Name), algesta.Name(quote(wanted)), list(names))
	}
	return 0, &algesta.Error{
		Kind: algesta.ErrUnknownName, Message: message,
		Hint: algesta.Say("Say which one: {}", command(s.in, "deploy", quote(imageArg.Text(s.in))+" --container="+names[0])),
	}
}

// wantedImage makes a whole reference of what was typed and refuses what cannot or should not run. The API server takes
// any string; the mistake would show minutes later, in a pod.
func wantedImage(in Input, now string) (string, error) {
	typed := strings.TrimSpace(imageArg.Text(in))
	image := typed
	switch {
	case strings.HasPrefix(typed, "sha256:"):
		image = rollout.Repository(now) + "@" + typed
	case !strings.ContainsAny(typed, "/:@"):
		image = rollout.Repository(now) + ":" + typed
	}
	// Weak means that a registry may be left out, as in nginx:1.27; the characters are checked all the same.
	if _, err := name.ParseReference(image, name.WeakValidation); err != nil {
		return "", usage(in, algesta.Say("{} isn't an image that can be pulled.", words.Cited(quote(typed))))
	}
	if movable(image) && in.Approval {
		return "", refusal(
			algesta.Say(
				"{} has no fixed version: what is approved here might not be what runs, and nobody could tell later.",
				algesta.Name(quote(rollout.ShortImage(image))),
			),
			algesta.Say("Name the tag of a build: {}", command(in, "deploy", "12346")),
		)
	}
	if rollout.Repository(image) != rollout.Repository(now) && !in.Command.Args.Bool(repositoryArg.Name) {
		return "", refusal(
			algesta.Say(
				"{} comes from another repository than what runs now ({}).",
				algesta.Name(quote(image)),
				algesta.Name(quote(rollout.Repository(now))),
			),
			algesta.Say("If that is meant: {}", command(in, "deploy", quote(typed)+" --"+repositoryArg.Name)),
		)
	}
	return image, nil
}

func usage(in Input, message algesta.Text) error {
	return &algesta.Error{Kind: algesta.ErrUsage, Message: message, Hint: algesta.Say("Name a tag: {}", command(in, "deploy", "12346"))}
}

// withImage is the template that runs now with another image in the container at this place.
func (s workloadState) withImage(at int, image string) (map[string]any, error) {
	template := s.d.Template()
	containers, _, err := unstructured.NestedSlice(template, "spec", "containers")
	if err != nil {
		return nil, fmt.Errorf("reading the containers of %s: %w", s.d.Name, err)
	}
	if at >= len(containers) {
		return nil, fmt.Errorf("%s has %d containers, and none with the number %d", s.d.Name, len(containers), at+1)
	}
	if m, ok := containers[at].(map[string]any); ok {
		m["image"] = image
	}
	if err := unstructured.SetNestedSlice(template, containers, "spec", "containers"); err != nil {
		return nil, fmt.Errorf("planning the image of %s: %w", s.d.Name, err)
	}
	return template, nil
}

// deploySwaps changes the image of one container, tests that the container at this place is still the one that was
// seen, and notes the cause. hash is the TemplateHash afterwards.
func (s workloadState) deploySwaps(at int, image, hash string) ([]algesta.Swap, error) {
	container := s.d.Spec.Template.Spec.Containers[at]
	pointer := fmt.Sprintf("/spec/template/spec/containers/%d", at)
	same, err := quoted(container.Name)
	if err != nil {
		return nil, err
	}
	from, err := quoted(container.Image)
	if err != nil {
		return nil, err
	}
	to, err := quoted(image)
	if err != nil {
		return nil, err
	}
	why, err := s.causeSwaps(fmt.Sprintf("deploy %s %s", rollout.Version(image), by(s.in)), hash)
	if err != nil {
		return nil, err
	}
	strategy, err := s.sameStrategy()
	return append(append([]algesta.Swap{
		{Label: "container", Path: pointer + "/name", From: same, To: same},
		{Label: "image", Path: pointer + "/image", From: from, To: to},
	}, strategy...), why...), err
}
