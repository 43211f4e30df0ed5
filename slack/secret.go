package slack

// Secret is a token. However it is printed, logged or encoded, it reads ***.
type Secret string

// masked is shown for every secret.
const masked = "***"

// String is ***.
func (Secret) String() string { return masked }

// GoString is ***, for %#v.
func (Secret) GoString() string { return masked }

// MarshalText is ***, for JSON, YAML and structured logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
