package grammar

import (
	"strconv"
	"strings"

	"sigs.k8s.io/json"

	"github.com/3astronautas/algesta"
)

// pastedScaler reads "patch hpa x -n production -p '{"spec":{"minReplicas":2,"maxReplicas":6}}'" as
// "hpa set hpa/x min=2 max=6 -n production".
// What else a patch may hold is refused, and what kubectl would read otherwise: it would be another change than the plan shows.
func (p Parser) pastedScaler(name string, line pastedLine) ([]word, error) {
	object := "hpa/" + name
	patch, others := line.patch()
	var bounds struct {
		Spec struct {
			Min *int64 `json:"minReplicas"`
			Max *int64 `json:"maxReplicas"`
		} `json:"spec"`
	}
	// As the API server reads it: a field has its letters as they are. One that stands there twice is read by nobody in the same way.
	strict, err := json.UnmarshalStrict([]byte(patch), &bounds, json.DisallowDuplicateFields, json.DisallowUnknownFields)
	if err != nil || len(strict) > 0 || name == "" || bounds.Spec.Min == nil && bounds.Spec.Max == nil {
		environment := environmentSlot
		if place := line.place(); len(place) > 1 {
			environment = clip(place[1].text)
		}
		if name == "" {
			object = serviceSlot
		}
		return nil, p.refused(
			algesta.Say("The only thing I change about an autoscaler is its minimum and maximum number of pods."),
			algesta.Say(
				"To change that: {}. To keep the number of pods fixed and restore the old bounds later: {}",
				algesta.Name(p.bot.Typed("hpa set", clip(object), environment, "min=<number> max=<number>")),
				algesta.Name(p.bot.Typed("hpa pin", clip(object), environment, "replicas=<number>")),
			),
		)
	}
	out := []word{{text: "hpa"}, {text: "set"}, {text: object}}
	if bounds.Spec.Min != nil {
		out = append(out, word{text: "min=" + strconv.FormatInt(*bounds.Spec.Min, 10)})
	}
	if bounds.Spec.Max != nil {
		out = append(out, word{text: "max=" + strconv.FormatInt(*bounds.Spec.Max, 10)})
	}
	return append(out, others...), nil
}

// patch is the value of -p, "" where there is none or more than one, and every other word that doesn't name the object. How kubectl is
// told to merge makes no difference to numbers.
func (l pastedLine) patch() (patch string, others []word) {
	typed := l.beside()
	patches := 0
	for i := 0; i < len(typed); i++ {
		name, value, hasValue := strings.Cut(strings.TrimLeft(typed[i].text, "-"), "=")
		option := strings.HasPrefix(typed[i].text, "-") && !typed[i].quoted
		isPatch := option && (name == "p" || name == "patch")
		if isType := option && name == "type"; !isPatch && !isType {
			others = append(others, typed[i])
			continue
		}
		at := i
		if !hasValue && i+1 < len(typed) {
			i++
			value = typed[i].text
		}
		switch {
		case isPatch:
			patch = value
			patches++
		case value != "merge" && value != "strategic":
			others = append(others, typed[at:i+1]...)
		}
	}
	if patches != 1 {
		return "", others
	}
	return patch, others
}
