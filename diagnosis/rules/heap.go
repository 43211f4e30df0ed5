package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// heapSettings are how runtimes are told how big their heap may grow. The first group is the number, the second its unit.
var heapSettings = []struct {
	says *regexp.Regexp
	unit string // of a number without one
	name string
}{
	{regexp.MustCompile(`-Xmx(\d+)([kKmMgG]?)\b`), "", "-Xmx"},
	{regexp.MustCompile(`--max[-_]old[-_]space[-_]size[= ](\d+)()`), "m", "--max-old-space-size"},
	{regexp.MustCompile(`GOMEMLIMIT=(\d+)([KMG]?)i?B\b`), "", "GOMEMLIMIT"},
}

// heapBeyondLimit is the heap that a container's runtime is told to use, when the memory limit doesn't leave room for it: as the setting
// says it and in bytes. Empty where nothing is set, or where it fits.
func heapBeyondLimit(c *facts.Container) string {
	limit, ok := c.Spec.Resources.Limits[corev1.ResourceMemory]
	if !ok {
		return ""
	}
	texts := slices.Concat(c.Spec.Command, c.Spec.Args)
	for _, env := range c.Spec.Env {
		texts = append(texts, env.Name+"="+env.Value)
	}
	all := strings.Join(texts, " ")
	for _, known := range heapSettings {
		found := known.says.FindAllStringSubmatch(all, -1)
		if len(found) == 0 {
			continue
		}
		m := found[len(found)-1] // the last one counts
		size, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || size > 1<<40 {
			continue
		}
		unit := strings.ToLower(m[2] + known.unit)
		for _, step := range []string{"k", "m", "g"} {
			if unit == "" {
				break
			}
			size *= 1024
			if unit == step {
				break
			}
		}
		if size*10 >= limit.Value()*9 { // a tenth is the least that everything but the heap takes
			return fmt.Sprintf("%s lets its heap grow to %s", known.name, resource.NewQuantity(size, resource.BinarySI))
		}
	}
	return ""
}
