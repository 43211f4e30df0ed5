package redact

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// minSecretBytes is the shortest secret value that is looked for by value. Shorter ones ("true", "3000") occur everywhere,
// and hiding them would hide the diagnosis.
const minSecretBytes = 6

// The bounds of what Add keeps: a Secret may hold a file of a megabyte.
const (
	mostForms = 16384 // of all values together, in all the ways in which they may be written
	mostLines = 128   // of one value
)

// windows are the lengths of the beginnings by which values are found: one rolling hash for each of them, however many
// lengths the values have.
var windows = [...]int{48, 32, 24, 16, 12, 8, minSecretBytes}

// Redactor removes secrets from text that came from a cluster or a person. It knows secrets by their form (tokens, keys,
// passwords in URLs) and, when values were given, by their exact value. It keeps salted hashes of those values, never
// the values. Safe for concurrent use. A nil Redactor knows the forms only.
type Redactor struct {
	salt [32]byte
	base uint64 // multiplier of the rolling hash; random, so that the hashes tell nothing outside this process

	mu    sync.Mutex
	turn  uint64                           // of Add
	forms map[[sha256.Size]byte]hashedForm // by the hash of the whole form

	table atomic.Pointer[table] // made of forms; readers take it without a lock
}

// hashedForm is one way of writing one value.
type hashedForm struct {
	length int
	begin  uint64 // rolling hash of the first bytes, as many as its window has
	turn   uint64 // when it was last given
}

// table is what findValues looks up: by window, then by the hash of the beginning. It never changes.
type table struct {
	byWindow [len(windows)]beginnings
}

// beginnings are the known values of a window by the hash of their beginning. Nearly every place of a text is the beginning of none: the
// filter says so in a tenth of the time that the map takes.
type beginnings struct {
	of     map[uint64][]known
	filter []uint64 // a bit for each hash in the map, at slot's place; others may share it
	shift  int
}

// slot is the place of a hash in the filter. The lowest bits of a rolling hash say little, so it is scattered first.
func (b *beginnings) slot(hash uint64) (word, bit uint64) {
	const scatter = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio, as Knuth's multiplicative hashing takes it
	at := hash * scatter >> b.shift
	return at >> 6, 1 << (at & 63)
}

// filtered makes the filter: sixteen bits or more for each hash, so that one place in sixteen is looked up in vain at most.
func (b *beginnings) filtered() {
	bitsOf := max(10, bits.Len(uint(len(b.of)))+4)
	b.shift = 64 - bitsOf
	b.filter = make([]uint64, 1<<(bitsOf-6))
	for hash := range b.of {
		word, bit := b.slot(hash)
		b.filter[word] |= bit
	}
}

type known struct {
	length int
	sum    [sha256.Size]byte
}

// forEver is the turn of values that are never forgotten.
const forEver = math.MaxUint64

// New returns a Redactor that also hides the given values, as they are and as they are written in JSON, HTML, URLs,
// base64 and hexadecimal, and the passwords inside values that are URLs. Values under 6 bytes and common words are not looked for.
func New(values ...[]byte) *Redactor {
	r := &Redactor{forms: map[[sha256.Size]byte]hashedForm{}}
	_, _ = rand.Read(r.salt[:]) // never fails: crypto/rand ends the process instead
	r.base = binary.LittleEndian.Uint64(r.salt[:8]) | 1
	r.add(forEver, values)
	return r
}

// Add makes the Redactor hide further values, from now on and for all who use it. It keeps at most 16,384 ways of writing
// values (a value has about twenty): over that limit those go that were not given again for the longest time, never those that
// New got. What is added before a text is made is therefore always hidden in it.
func (r *Redactor) Add(values ...[]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn++
	r.add(r.turn, values)
}

func (r *Redactor) add(turn uint64, values [][]byte) {
	fresh := false
	for _, value := range values {
		for _, form := range formsOf(string(value)) {
			form = visible(form)
			if len(form) < minSecretBytes || explaining[strings.ToLower(form)] {
				continue
			}
			sum := r.sum(form)
			known, there := r.forms[sum]
			if !there {
				fresh = true
				known = hashedForm{length: len(form), begin: r.roll(form[:windows[windowOf(len(form))]])}
			}
			known.turn = max(known.turn, turn)
			r.forms[sum] = known
		}
	}
	if fresh || r.table.Load() == nil {
		r.forget()
		r.table.Store(tableOf(r.forms))
	}
}

// forget drops the oldest forms over the limit.
func (r *Redactor) forget() {
	over := len(r.forms) - mostForms
	if over <= 0 {
		return
	}
	type aged struct {
		sum  [sha256.Size]byte
		turn uint64
	}
	all := make([]aged, 0, len(r.forms))
	for sum, f := range r.forms {
		if f.turn != forEver {
			all = append(all, aged{sum, f.turn})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Compare(a.turn, b.turn) })
	for _, a := range all[:min(over, len(all))] {
		delete(r.forms, a.sum)
	}
}

func tableOf(forms map[[sha256.Size]byte]hashedForm) *table {
	t := &table{}
	for sum, f := range forms {
		at := windowOf(f.length)
		if t.byWindow[at].of == nil {
			t.byWindow[at].of = map[uint64][]known{}
		}
		t.byWindow[at].of[f.begin] = append(t.byWindow[at].of[f.begin], known{f.length, sum})
	}
	for at := range t.byWindow {
		t.byWindow[at].filtered()
		for _, list := range t.byWindow[at].of { // longest first: a secret inside a longer secret goes with it
			slices.SortFunc(list, func(a, b known) int { return cmp.Compare(b.length, a.length) })
		}
	}
	return t
}

// windowOf is the index of the widest window that a form of this length fills.
func windowOf(length int) int {
	return slices.IndexFunc(windows[:], func(w int) bool { return w <= length })
}

func (r *Redactor) roll(s string) uint64 {
	var h uint64
	for i := range len(s) {
		h = h*r.base + uint64(s[i]) + 1
	}
	return h
}

func (r *Redactor) sum(s string) [sha256.Size]byte {
	return sha256.Sum256(append(r.salt[:len(r.salt):len(r.salt)], s...))
}

// findValues finds the known values by their beginnings, so that a log of 256 KiB costs well under a millisecond per
// window and the values need not be in memory.
func (r *Redactor) findValues(s *scan) {
	for at := range s.table.byWindow {
		if begins := &s.table.byWindow[at]; len(begins.of) > 0 {
			s.found = r.find(s.text, windows[at], begins, s.found)
		}
	}
}

// find adds the stretches of s that are known values of one window.
func (r *Redactor) find(s string, window int, begins *beginnings, found []stretch) []stretch {
	if len(s) < window {
		return found
	}
	top := uint64(1) // base^(window-1): the weight of the byte that leaves the window
	for range window - 1 {
		top *= r.base
	}
	h := r.roll(s[:window])
	for end := window; ; end++ {
		start := end - window
		if word, bit := begins.slot(h); begins.filter[word]&bit != 0 {
			for _, k := range begins.of[h] {
				if to := start + k.length; to <= len(s) && r.sum(s[start:to]) == k.sum {
					found = append(found, stretch{start, to})
					break
				}
			}
		}
		if end == len(s) {
			return found
		}
		h = (h-(uint64(s[start])+1)*top)*r.base + uint64(s[end]) + 1
	}
}
