package grammar

import "slices"

// spanish are the Spanish words for commands, without accents: someone who types "diagnosticar" or "diagnostica" means diagnose. The first
// is the one that help names. A word stands for its command only where that command is there and nothing else has the word.
var spanish = map[string][]string{
	"status":      {"estado"},
	"deployments": {"despliegues"},
	"history":     {"historial", "revisiones"},
	"logs":        {"registros", "registro"},
	"services":    {"servicios"},
	"certs":       {"certificados"},
	"cert check":  {"revisar certificado"},
	"quota":       {"cuota"},
	"diagnose":    {"diagnosticar", "diagnostica", "por que"},
	"rollback":    {"revertir", "revierte"},
	"restart":     {"reiniciar", "reinicia"},
	"scale":       {"escalar", "escala"},
	"deploy":      {"desplegar", "despliega"},
	"events":      {"eventos"},
	"describe":    {"describir"},
	"nodes":       {"nodos"},
	"namespaces":  {"espacios"},
	"capacity":    {"capacidad"},
	"health":      {"salud"},
	"secrets":     {"secretos"},
	"pause":       {"pausar", "pausa"},
	"resume":      {"reanudar", "reanuda"},
	"freeze":      {"congelar", "congela"},
	"unfreeze":    {"descongelar", "descongela"},
	approvalsWord: {"aprobaciones", "pendientes"},
	"audit":       {"auditoria"},
	Undo.Name:     {"deshacer", "deshaz"},
	helpWord:      {"ayuda"},
	whoamiWord:    {"quien soy"},
	canIWord:      {"puedo", "quien puede"},
}

// Spanish is the Spanish word for a command that its help names, "" for none.
func Spanish(command string) string {
	if words := spanish[command]; len(words) > 0 {
		return words[0]
	}
	return ""
}

// addSpanish lets the Spanish words stand for the commands that there are.
func (p Parser) addSpanish() {
	for name, words := range spanish {
		if p.verbs[name] != name {
			continue
		}
		for _, w := range words {
			if _, taken := p.verbs[w]; !taken {
				p.verbs[w] = name
			}
		}
	}
}

// spanishVerb reports whether the words before a command's names hold its verb in Spanish.
func (p Parser) spanishVerb(typed []word) bool {
	for n := min(longestVerb, len(typed)); n > 0; n-- {
		if verb := joined(typed[len(typed)-n:]); slices.Contains(spanish[p.verbs[verb]], verb) {
			return true
		}
	}
	return false
}

// spanishFillers are what Spanish sentences put before a name, and nothing of it: "registros de api-gateway", "reinicia el servicio …".
var spanishFillers = []string{"de", "del", "el", "la", "los", "las", "servicio"}
