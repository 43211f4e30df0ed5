package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

// TestAValueBehindAnUnusualSignIsHidden where the name says that it's a secret and it looks made.
func TestAValueBehindAnUnusualSignIsHidden(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, form := range []string{
		"<password><![CDATA[V]]></password>", "<password><![CDATA[V", "password: !!str V", "password: !secret V", "password: &anchor V",
		"password:\n- V", "password:\n  - V\n  - V", "password:\n\n  V", `password = """V"""`, "password = '''V'''", "password -> V",
		"password → V",
		`password -> "V"`, "│ password │ V │", "password ?= V", "password += V", `password != "V"`, `password === 'V'`, `["password","V"]`,
		`"password", "V"`, `"password" "V"`, `zap.String("password", "V")`, `setPassword("V")`, `.withPassword("V")`, "password(V)",
		"passwords: [V, V]", "passwords:\n  - V\n  - V", `passwords=["V"]`, `"passwords":["V","V"]`, `"apiKeys": ["V"]`, "tokens: [V]",
		`{\"tokens\":[\"V\"]}`,
	} {
		for _, value := range []string{"uV7fLx" + "yGd60Q6z", "hunter" + "2!x9"} {
			require.NotContains(t, r.String(strings.ReplaceAll(form, "V", value)), value, "%s", form)
		}
	}
	for _, innocent := range []string{
		"$this->token->get()", "func token() -> String", "password -> hash", "token != nil", `if password != "" {`,
		`["password","username","email"]`,
		`"tokens":["the","cat","sat"]`, "tokens: [1, 2, 3]", "secrets: [db-credentials-2, registry]", "imagePullSecrets:\n- acr-2\n- name: x",
		"credentials:\n- azure-cred-2\n- other", "at token(17:3)", "getPassword(userId)", "│ password │ missing │",
		"password:\n- must have a digit",
		"passwords:\n- name: a\n  value: from a file", "token === undefined", `"password" is required`, "<token><![CDATA[expired]]></token>",
	} {
		require.Equal(t, innocent, r.String(innocent))
	}
}
