// Package rules knows what can be wrong: one value for each rule, in the file of its family, with a fixture that fires it and a
// healthy look-alike in testdata. Find asks them all; Rules lists them.
//
// It is pure. Which finding explains which, and what people read of them, is decided above, in package diagnosis.
package rules
