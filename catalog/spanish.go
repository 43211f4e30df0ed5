package catalog

import (
	"maps"
	"slices"
)

// inSpanish are the Spanish words for environments, without accents, by what English calls them.
var inSpanish = map[string][]string{
	"production":  {"produccion"},
	"development": {"desarrollo"},
	"staging":     {"preproduccion"},
	"test":        {"pruebas"},
	"testing":     {"pruebas"},
}

// nameInSpanish lets the Spanish word for an environment stand for it, where nothing else has that word.
func (c *Catalog) nameInSpanish() {
	for _, english := range slices.Sorted(maps.Keys(inSpanish)) {
		i, there := c.words[english]
		for _, word := range inSpanish[english] {
			_, taken := c.words[word]
			_, isService := c.aliases[word]
			if there && !taken && !isService && !c.named[word] {
				c.words[word] = i
			}
		}
	}
}
