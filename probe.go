package algesta

import "time"

// Fault is why a host could not be asked, or asked to the end.
type Fault string

// The faults. None of them quotes what the other side said.
const (
	NoFault       Fault = ""
	FaultNoName   Fault = "no such name" // DNS knows no address
	FaultNoLookup Fault = "no lookup"    // DNS did not answer
	FaultInside   Fault = "inside"       // an address that the bot doesn't go to: of the machine, the link, the platform or a private network
	FaultRefused  Fault = "refused"      // the address is there, and nothing listens at the port
	FaultTimedOut Fault = "timed out"
	FaultNoTLS    Fault = "no TLS"    // something listens, and no TLS connection could be made
	FaultNoAnswer Fault = "no answer" // connected, and no answer that is one
)

// Exchange is what was seen when one address was asked once, from where the bot runs.
type Exchange struct {
	Addresses []string // what DNS says, in its order
	Fault     Fault

	Lookup, Connect, Handshake, Wait time.Duration // how long each step took; Wait is until the head of the answer was there

	Status      int              // of HTTP; 0 where none came
	Location    string           // where a redirect leads, as the header has it
	FirstLine   string           // of a textual answer, with known values hidden; neither cleaned nor shortened
	Certificate *PeerCertificate // nil where none was shown
}

// PeerCertificate is the certificate that a host showed, whether or not it is to be trusted.
type PeerCertificate struct {
	Names               []string
	Issuer              string // the common name or organisation of who signed it
	NotBefore, NotAfter time.Time
	Problem             string // "": it is trusted for the host
}
