package grammar

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/3astronautas/algesta"
)

// pastedScaler reads "patch hpa x -n production -p '{"spec":{"minReplicas":2,"maxReplicas":6}}'" as
// "hpa set hpa/x min=2 max=6 -n production".
// What else a patch may hold is refused: it would be another change than the plan shows.
func (p Parser) pastedScaler(name string, line pastedLine) ([]word, error) {
	object, patch := "hpa/"+name, optionOf(line.rest, "p", "patch")
	place := line.place()
	var bounds struct {
		Spec struct {
			Min *int64 `json:"minReplicas"`
			Max *int64 `json:"maxReplicas"`
		} `json:"spec"`
	}
	in := json.NewDecoder(strings.NewReader(patch))
	in.DisallowUnknownFields()
	if err := in.Decode(&bounds); err != nil || name == "" || bounds.Spec.Min == nil && bounds.Spec.Max == nil {
		environment := environmentSlot
		if len(place) > 1 {
			environment = clip(place[1].text)
		}
		if name == "" {
			object = serviceSlot
		}
		return nil, p.refused(
			algesta.Say("Of an autoscaler I change between how many pods it scales, and nothing else."),
			algesta.Say(
				"To change that: {}. To keep the number of pods fixed, and get the old bounds back later: {}",
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
	return append(out, place...), nil
}
