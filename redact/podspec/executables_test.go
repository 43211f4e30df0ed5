package podspec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact/podspec"
)

// TestOfACommandTheProgramAloneIsLeft, whatever marks stand in its arguments and around it.
func TestOfACommandTheProgramAloneIsLeft(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`exec: "notify WORD now": executable file not found in $PATH`: `exec: "notify …": executable file not found in $PATH`,
		`exec: "sh -c echo \"a\"; notify WORD": no such file`:         `exec: "sh …": no such file`,
		`caused: exec: \"notify WORD now\": permission denied`:        `caused: exec: \"notify …\": permission denied`,
		`caused: exec: \\\"sh -c \\\\\\\"x\\\\\\\" WORD\\\": denied`:  `caused: exec: \\\"sh …\\\": denied`,
		`Exec lifecycle hook ([/bin/sh -c if [ -f /x ]; then notify WORD http://x; fi]) for Container "app" failed - error: ` +
			`command '/bin/sh -c if [ -f /x ]; then notify WORD http://x; fi' exited with 126: no`: //
		`Exec lifecycle hook ([/bin/sh …]) for Container "app" failed - error: command '/bin/sh …' exited with 126: no`,
		`Exec lifecycle hook ([/bin/sh -c a=(b c); x "$(cat [WORD])"`:               `Exec lifecycle hook ([/bin/sh …])`,
		`command '/bin/sh -c echo 'a' "b"; notify WORD' exited with 1: wrong`:       `command '/bin/sh …' exited with 1: wrong`,
		"command '/bin/sh -c set -e\nnotify WORD\n' exited with 1: wrong":           `command '/bin/sh …' exited with 1: wrong`,
		`command "sh -c 'notify WORD'" timed out`:                                   `command "sh …" timed out`,
		`command \"sh -c 'notify WORD'\" timed out`:                                 `command \"sh …\" timed out`,
		`error executing command [sh -c [ -n "$X" ] && notify WORD]: exit status 1`: `error executing command [sh …]: exit status 1`,
		`command 'TOKEN=WORD notify now' exited with 1`:                             `command '…' exited with 1`,
		`command 'sh -c notify WORD`:                                                `command 'sh …'`,
		`exec: "sh -c notify WORD`:                                                  `exec: "sh …"`,
		`exec: "a WORD": x, then exec: "b WORD": y, command [c]: z`:                 `exec: "a …": x, then exec: "b …": y, command [c]: z`,
		`the command 'foo WORD' is unknown to "it"`:                                 `the command 'foo …' is unknown to "it"`,
	} {
		got := podspec.OnlyExecutables(strings.ReplaceAll(said, "WORD", "walrus-code-7"))
		require.Equal(t, want, got)
		require.Equal(t, got, podspec.OnlyExecutables(got), "it's left as it is the second time")
	}
	for _, plain := range []string{
		`command 'find' requires authentication, exec: "sh": not found, command [ls] fails`,
		`failed to start exec "3f0a": OCI runtime exec failed: exec failed: no`,
	} {
		require.Equal(t, plain, podspec.OnlyExecutables(plain))
	}
}
