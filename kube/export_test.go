package kube

import (
	"maps"
	"slices"
)

// Refused are the kinds that the caches may not watch, as "namespace/resource", sorted. The bot says so in its log.
func (c *Cluster) Refused() []string {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	return slices.Sorted(maps.Keys(c.cache.refused))
}
