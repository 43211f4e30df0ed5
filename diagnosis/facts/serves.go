package facts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// silentInWords is the only Service without a ready pod whose name is part of a line, such as that of the path /recommendations.
func (c *Container) silentInWords(line string) (Ref, bool) {
	found := Ref{}
	for _, service := range c.Snapshot.services {
		ref := RefOf(KindService, service)
		if service.Namespace != c.Pod.Namespace || len(service.Name) < 4 || !strings.Contains(line, service.Name) ||
			!c.Snapshot.Silent(ref) || c.OwnService(ref) {
			continue
		}
		if found != (Ref{}) {
			return Ref{}, false
		}
		found = ref
	}
	return found, found != (Ref{})
}

// Serves is the Service of a workload that is itself the product which its log speaks of: a database tells of its clients. ok is false
// where the log names another host, and where nothing says that the workload is that product.
func (c *Container) Serves(product, host string) (service Ref, ok bool) {
	if product == "" || host != "" && !IsLoopback(host) {
		return Ref{}, false
	}
	port, name := portOf(product), strings.ToLower(strings.ReplaceAll(product, " ", ""))
	if !slices.ContainsFunc(c.Spec.Ports, func(p corev1.ContainerPort) bool { return strconv.Itoa(int(p.ContainerPort)) == port }) &&
		imageName(c.Spec.Image) != strings.TrimSuffix(name, "ql") && !strings.Contains(imageName(c.Spec.Image), name) {
		return Ref{}, false
	}
	for _, ref := range c.Snapshot.index.downstream[c.Owner.Ref] {
		if ref.Kind == KindService {
			return ref, true
		}
	}
	return Ref{}, false
}

// imageName is the last part of an image's name, without its tag.
func imageName(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// webURL is the address that a program called by HTTP.
var webURL = regexp.MustCompile(`\bhttps?://(?:[^\s/@"']*@)?([a-zA-Z0-9][\w.-]*)(?::(\d{2,5}))?`)
