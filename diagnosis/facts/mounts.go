package facts

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// MountOver is the innermost mount of a container at or above the folder of a file, and not at the file itself; nil where there is none.
// A mount of a part of a volume (subPath) at a folder hides as much as one of the whole.
func MountOver(c *corev1.Container, file string) *corev1.VolumeMount {
	var found *corev1.VolumeMount
	for i := range c.VolumeMounts {
		at := strings.TrimSuffix(c.VolumeMounts[i].MountPath, "/")
		if strings.HasPrefix(file, at+"/") && (found == nil || len(at) > len(found.MountPath)) {
			found = &c.VolumeMounts[i]
		}
	}
	return found
}
