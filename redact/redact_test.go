package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/redact"
)

func TestRedactorHidesSecretsByForm(t *testing.T) {
	t.Parallel()
	pem := "-----BEGIN RSA PRIVATE KEY-----\nMIIEow" + "IBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
	for name, test := range map[string]struct{ text, want string }{
		"a private key goes with its lines":             {"key: " + pem + " end", "key: ‹redacted› end"},
		"a private key that is cut off goes to the end": {"key: -----BEGIN PRIVATE KEY-----\nMIIE", "key: ‹redacted›"},
		"a JWT": {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ok", "got ‹redacted› ok"},
		"a MongoDB URI without a path": {
			"connecting to mongodb+srv://app:s3cr3t@cluster0.example.com",
			"connecting to mongodb+srv://‹redacted›@cluster0.example.com",
		},
		"a MongoDB URI with several hosts": {
			"mongodb://app:s3cr3t@a.example.com:27017,b.example.com:27017/x",
			"mongodb://‹redacted›@a.example.com:27017,b.example.com:27017/x",
		},
		"a password with @ and / in a URL": {"postgres://u:p@ss/w0rd@db.example.com/x", "postgres://‹redacted›@db.example.com/x"},
		"a token as the user of a URL": {
			"https://abcdef0123456789abcdef@git.example.com/x",
			"https://‹redacted›@git.example.com/x",
		},
		"an authorization header":         {"Authorization: Bearer abc.def-123", "Authorization: ‹redacted›"},
		"an authorization header in JSON": {`{"authorization":"Basic dXNlcjpwYXNz"}`, `{"authorization":"‹redacted›"}`},
		"every part of a cookie":          {"cookie: sid=abc123; csrf=def456", "cookie: ‹redacted›"},
		"a bearer token alone":            {"using bearer abcdefghijklmnop", "using bearer ‹redacted›"},
		"an Azure storage key": {
			"AccountName=x;AccountKey=abcdefghijklmnopqrstuvwx==;End",
			"AccountName=x;AccountKey=‹redacted›;End",
		},
		"an Azure SAS signature": {
			"https://x.example.com/b?sv=1&sig=abcdefghij%2Bklmnop&se=2",
			"https://x.example.com/b?sv=1&sig=‹redacted›&se=2",
		},
		"an Azure client secret": {"secret is abc8Q~" + strings.Repeat("a1", 17), "secret is ‹redacted›"},
		"an Azure DevOps token":  {"PAT " + strings.Repeat("aB3d", 19) + "AZDO" + "x1Y2 is used", "PAT ‹redacted› is used"},
		"a key as Azure makes them today": {
			"key " + strings.Repeat("aB3d", 13) + "JQQJ99" + strings.Repeat("BJAC", 5) + "AbcD12 is used", "key ‹redacted› is used",
		},
		"a code of Entra ID, which explains": {
			"DefaultAzureCredential: AADSTS700213: No matching federated identity",
			"DefaultAzureCredential: AADSTS700213: No matching federated identity",
		},
		"the name of an error": {"EnvironmentCredential: CredentialUnavailableError", "EnvironmentCredential: CredentialUnavailableError"},
		"a password like one":  {"DB_PASSWORD=CredentialUnavailableError x", "DB_PASSWORD=‹redacted› x"},
		"an AWS key ID":        {"id AKIA" + "ABCDEFGHIJKLMNOP used", "id ‹redacted› used"},
		"a Slack token":        {"xoxb" + "-123456789012-abcdefghijkl", "‹redacted›"},
		"a Slack app token":    {"xapp" + "-1-A0123456789-abcdef", "‹redacted›"},
		"a Slack webhook": {
			"https://hooks.slack.com/services/T0/B0/abc",
			"https://hooks.slack.com/services/‹redacted›",
		},
		"a GitHub token":                {"ghp_" + strings.Repeat("a", 36), "‹redacted›"},
		"a docker config":               {`{"auths":{"r":{"auth":"dXNlcjpwYXNz"}}}`, `{"auths":{"r":{"auth":"‹redacted›"}}}`},
		"an environment variable":       {"JWT_SECRET=hunter2 PORT=3000", "JWT_SECRET=‹redacted› PORT=3000"},
		"a quoted environment variable": {`DB_PASSWORD="a b c" next`, `DB_PASSWORD="‹redacted›" next`},
		"a query parameter":             {"GET /x?access_token=abc&y=1", "GET /x?access_token=‹redacted›&y=1"},
		"a key of a JSON log":           {`{"dbPassword":"a\"b","user":"u"}`, `{"dbPassword":"‹redacted›","user":"u"}`},
		"a key of a JSON log inside a JSON log": {
			`{"msg":"{\"client_secret\":\"abc\",\"a\":1}"}`,
			`{"msg":"{\"client_secret\":\"‹redacted›\",\"a\":1}"}`,
		},
		"a number as a JSON secret":       {`{"token": 123456}`, `{"token": ‹redacted›}`},
		"a Python dict":                   {`{'api_key': 'abc'}`, `{'api_key': '‹redacted›'}`},
		"an upper-case name with a colon": {"MONGODB_URI: abc123", "MONGODB_URI: ‹redacted›"},
		"a header of ours":                {"x-refresh-token: abc123", "x-refresh-token: ‹redacted›"},
		"a URL in a variable keeps its host": {
			"MONGODB_URI=mongodb://u:p4ss@db/x refused", "MONGODB_URI=mongodb://‹redacted›@db/x refused",
		},
		"a flag":                                    {"run --db-password hunter2 --v", "run --db-password ‹redacted› --v"},
		"a bare password with a digit":              {"password: hunter2", "password: ‹redacted›"},
		"a token that hides behind a zero width":    {"xoxb\u200b" + "-123456789012-abcdefghijkl", "‹redacted›"},
		"a token that hides behind terminal colour": {"ghp_\x1b[31m" + strings.Repeat("a", 36), "‹redacted›"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redact.New()
			require.Equal(t, test.want, r.String(test.text))
			require.Equal(t, test.want, r.String(test.want), "redacting twice changes nothing more")
		})
	}
}

func TestRedactorLeavesWhatExplains(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"TokenExpiredError: jwt expired",
		"couldn't find key uri in Secret production/mongodb-credentials",
		`secret "mongodb-credentials" not found`,
		`MountVolume.SetUp failed for volume "v" : references non-existent secret key: uri`,
		"Error: JWT_SECRET is required",
		"JWT_SECRET: is required",
		"JWT_SECRET=undefined",
		`Config validation error: "MONGODB_URI" is required`,
		"token: invalid signature",
		"password must be at least 8 characters",
		"max_tokens=4096",
		`"secretName": "mongodb-credentials"`,
		`{"tokenCount": 12}`,
		"connect ECONNREFUSED 10.0.0.4:27017",
		"MongoServerError: bad auth : Authentication failed.",
		"http://api-gateway-production.production.svc.cluster.local:80/health",
		"acralgestaproduction.azurecr.io/api-gateway:12345",
		"failed to authorize: failed to fetch oauth token: unexpected status 401",
		"exceeded quota: production-quota, requested: limits.cpu=1, used: limits.cpu=8, limited: limits.cpu=8",
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"basic auth failed",
		"Using key rotation: daily",
		"ms-orders-production-6d4cf56db6-x2x9p",
	} {
		require.Equal(t, text, redact.New().String(text))
	}
}

func TestRedactorHidesKnownValues(t *testing.T) {
	t.Parallel()
	r := redact.New([]byte("Zq9 plain phrase"), []byte("mongodb://app:kestrel!42@db.example.com/x"), []byte("true"), []byte("3000"))
	for name, test := range map[string]struct{ text, want string }{
		"the value":              {"a Zq9 plain phrase b", "a ‹redacted› b"},
		"twice":                  {"Zq9 plain phraseZq9 plain phrase", "‹redacted›‹redacted›"},
		"in base64":              {"v=WnE5IHBsYWluIHBocmFzZQ==", "v=‹redacted›"},
		"in a URL":               {"q=Zq9+plain+phrase", "q=‹redacted›"},
		"the password of a URL":  {"user app, pass kestrel!42.", "user app, pass ‹redacted›."},
		"short values stay":      {"ready: true, port 3000", "ready: true, port 3000"},
		"part of a value stays":  {"a plain phrase", "a plain phrase"},
		"shorter than the value": {"Zq", "Zq"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, r.String(test.text))
		})
	}
}

func TestANilRedactorKnowsTheForms(t *testing.T) {
	t.Parallel()
	var r *redact.Redactor
	require.Equal(t, "JWT_SECRET=‹redacted›", r.String("JWT_SECRET=abc1"))
}

// Characters that nobody sees split no name of a secret, whatever Unicode has them for.
func TestNoInvisibleCharacterIsKept(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, c := range "\u00ad\u034f\u0600\u061c\u06dd\u070f\u08e2\u115f\u1160\u17b4\u180b\u180e\u180f\u200b\u202e\u2028\u2060\u3164" +
		"\ufe0f\ufeff\uffa0\ufff0\ufff8\ufff9\U0001bca0\U0001d173\U000110bd\U00013430\U000e0001\U000e0100" {
		require.Empty(t, redact.Clean(string(c)), "%U", c)
		secret := "xK9vQ2pL" + "7zzT4mNw"
		require.NotContains(t, r.String("pass"+string(c)+"word="+secret), secret, "%U", c)
	}
	require.Equal(t, "día 日本 ñ é → ‹x›", redact.Clean("día 日本 ñ é → ‹x›"))
}

func TestClean(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"colours":                    {"\x1b[1;31merror\x1b[0m", "error"},
		"titles and links":           {"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"},
		"an unfinished title":        {"a\x1b]0;never ends", "a"},
		"NUL and bell":               {"a\x00b\x07c", "abc"},
		"progress bars":              {"10%\r50%\r100%\nnext\r\n", "100%\nnext\n"},
		"text that turns around":     {"a\u202eb\u2066c", "abc"},
		"zero width":                 {"a\u200b\u200d\ufeffb", "ab"},
		"bytes that are not UTF-8":   {"a\xff\xfeb", "a\uFFFDb"},
		"line feeds and tabs stay":   {"a\n\tb", "a\n\tb"},
		"letters of the world stay":  {"año 日本 é", "año 日本 é"},
		"an 8-bit control sequence":  {"a\u009b31mb", "ab"},
		"invisible tag characters":   {"a\U000E0041b", "ab"},
		"separators of other worlds": {"a\u2028b", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, redact.Clean(test.text))
		})
	}
	long := redact.Clean(strings.Repeat("é", redact.MaxCleanBytes))
	require.LessOrEqual(t, len(long), redact.MaxCleanBytes+len("…"))
	require.True(t, utf8.ValidString(long))
}

func FuzzRedactor(f *testing.F) {
	for _, seed := range []string{"", "a=b", "JWT_SECRET=x", "https://u:p@h", "\x1b[31m", "Zq9 plain phrase", "\xff", `{"password":"\`} {
		f.Add(seed)
	}
	r := redact.New([]byte("Zq9 plain phrase"))
	f.Fuzz(func(t *testing.T, text string) {
		out := r.String(text)
		require.True(t, utf8.ValidString(out))
		require.NotContains(t, out, "Zq9 plain phrase")
		require.Equal(t, out, r.String(out), "redacting twice changes nothing more")
	})
}

func TestALineIsRedactedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	var r *redact.Redactor
	m := newMaker(9)
	secret := m.token(40)
	text := "cannot log in:\n  password=" + secret + " of orders"
	for most := range len(text) + 5 {
		out := r.Line(text, most)
		require.NotContains(t, out, secret[:3], most)
		require.LessOrEqual(t, len(out), most+len("…"))
		require.True(t, utf8.ValidString(out))
		require.Equal(t, strings.Count(out, "‹"), strings.Count(out, "›"), out)
	}
	require.Equal(t, "cannot log in: password=‹redacted› of orders", r.Line(text, 300))
}

func TestAMaskFollowedByWordsIsLeftAlone(t *testing.T) {
	t.Parallel()
	var r *redact.Redactor
	for _, text := range []string{
		"password=‹redacted› is wrong", "the token ‹redacted› is expired", "Denied: \"‹redacted› for now, ask again on Monday\".",
		"password: ‹redacted› and more words",
		"api-gateway says \"password=‹redacted›\" since 10:00. Ask dana.", "Authorization: ‹redacted› was refused",
		"postgres://‹redacted›@db:5432/x is away", "secret ‹redacted›: not found in production",
	} {
		require.Equal(t, text, r.String(text))
	}
}

func TestRedactingTwiceChangesNothingMore(t *testing.T) {
	t.Parallel()
	r := redact.New([]byte("Zq9 plain phrase"))
	pieces := append([]string{
		" ", "=", ":", "\"", "'", "\\", "\n", "password", "token=", "Authorization: ", "Bearer ", "://", "@", ";", "&", "{", "}",
		"‹redacted›", "name: ", "value: ", "key", "curl -u ", "eyJhbGciOi", "-----BEGIN PRIVATE KEY-----",
		"-----END RSA PRIVATE KEY-----", "is expired", "Zq9 plain phrase", "x", "7", "cGFzc3dvcmQ9b3Bxcjc3", "/", "?",
		"kind: Secret\ndata:\n  a: ",
	}, secretLines...)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
		out := r.String(text)
		require.Equal(t, out, r.String(out))
		require.True(t, utf8.ValidString(out))
	})
}
