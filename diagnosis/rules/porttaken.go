package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// portNamed is the port in a line about one that is in use.
var portNamed = regexp.MustCompile(`(?:[\d\])*]:|(?i:\bport:? )|:::?|\s:)(\d{2,5})\b`)

// portTaken says which port a program can't listen on, and which other container of its pod has it, as far as its log and the pod tell.
func portTaken(c *facts.Container) string {
	why, _ := c.Log.Explain()
	m := portNamed.FindStringSubmatch(why.Line.Example)
	if m == nil {
		return fmt.Sprintf("The port of %s is already taken in its pod", c.Words())
	}
	port, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return fmt.Sprintf("The port of %s is already taken in its pod", c.Words())
	}
	for i := range c.Pod.Spec.Containers {
		other := &c.Pod.Spec.Containers[i]
		view := c.Snapshot.LogOfPod(c.Pod, &facts.Container{Spec: other})
		listens := slices.ContainsFunc(view.Listens(), func(l facts.Listening) bool { return int64(l.Port) == port })
		if other.Name != c.Spec.Name && (listens || declares(other, int32(port))) {
			return fmt.Sprintf("%s cannot listen on port %d: container %s of its pod has it", words.Capital(c.Words()), port, other.Name)
		}
	}
	return fmt.Sprintf("Port %d, on which %s wants to listen, is already taken in its pod", port, c.Words())
}
