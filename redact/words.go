package redact

import "strings"

// explains says that a value isn't a secret but says what happened: "expired", "is required", "<nil>", "******", "${DB_PASSWORD}",
// "/run/secrets/db_password".
func explains(v string) bool {
	v = strings.TrimSpace(v)
	bare := strings.ToLower(strings.Trim(v, `"'\.,:;!?()[]{}<>`+"`"))
	return bare == "" || explaining[bare] || masked(v) || refers(v) || filePath(v) || address(v)
}

// explaining are the words that stand after "JWT_SECRET:" or "token=" and are what explains the failure.
var explaining = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`is was are were be been not must missing required require undefined null nil none nan invalid
	cannot can can't couldn't
		could should would will won't may might expected empty blank true false yes no on off has have had does doesn't don't do did didn't unset
		set error errors
		failed fails fail failure failing expired expires expiring unauthorized unauthenticated in string object number boolean array bool int
		integer str bytes
		production development staging environment variable value values the a an this that these those localhost default disabled enabled unknown
		forbidden denied found secret secrets password passwords token tokens key keys credential credentials secretref configmap file from for
		to of with without by
		at as and or if when while until than then wrong bad incorrect mismatch mismatched match matches matched does-not-match rejected refused
		revoked reset changed updated created
		deleted removed rotated renewed refreshed issued generated verified valid ok okay ready running healthy active inactive pending optional
		provided
		supplied given used using use present absent available unavailable malformed corrupt corrupted truncated too short long weak strong
		please check checking
		see ensure make sure try trying retry retrying got get received reading loading loaded read parsing parse validating validation validated
		need needs
		needed cannotbeempty unchanged configured configure defined specified exists exist already only also never always still now please-set
		set-me changeme-not
		string) any all some each every more less least most must-be contains contain containing authentication authorization auth authenticated
		authorized
		access login user username users basic bearer digest token_type type kubernetes.io/tls opaque redacted hidden masked filtered removed
		omitted
		sensitive confidential secret-value your-password here placeholder anonymous public private internal external accepted success successful
		succeeded
		successfully completed started stopped starting stopping signature unexpected illegal unsupported supported allowed disallowed encrypted
		plain
		plaintext plain-text base64 hash hashed undefined) opaque) object) none) literal secretkeyref configmapkeyref function promise async
		native code
		encryption not_set notset not-set unset) n/a na tbd todo <none> <unset> <nil> nil) sigterm sighup sigint sigkill sigusr1 invalid_grant
		invalid_token
		missing_token expired_token access_denied invalid_client jwt jwe mfa oauth oauth2 oidc saml ldap kerberos ntlm sso env envvar vault
		keyvault
		manual automatic auto dynamic static session cookie header query body form none. prompt stdin strict lax session) because since due after
		before during
		between over under about length characters chars bytes) seconds minutes hours days policy bucket rate limit exceeded reached quota
		valor obligatoria obligatorio requerida requerido incorrecta incorrecto inválida inválido invalida invalido vacía vacia caducada expirada
		requis requise incorrect incorrecte expiré expirée invalide vide manquant неверный неверно обязателен обязательно отсутствует пустой
		истёк 错误 不正确 必填 无效 為空 为空 필수 ungültig falsch erforderlich fehlt abgelaufen leer)`) {
		out[w], out[unwrapped(w)] = true, true
	}
	delete(out, "public")
	return out
}()

// sentenceWords are the words that make of several words a sentence.
var sentenceWords = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`is isn't was wasn't are must missing required undefined null invalid cannot can can't couldn't
	could should empty has doesn't
		don't do didn't error failed fails expired expires unauthorized forbidden denied found when wrong incorrect mismatch match matches
		rejected refused revoked
		changed unknown provided needs please be been too may would will not retry retrying characters again already because`) {
		out[w] = true
	}
	return out
}()

// joining are the words that join others: several words with one of them are a sentence where no quotation marks say that they are one
// value.
var joining = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`the this that for from with without by at if in of to or and than any no set unset only never using
	need have does on`) {
		out[w] = true
	}
	return out
}()

// sentence says that a text of several words says something.
func sentence(v string) bool { return hasWord(v, sentenceWords) }

// joined says that a text of several words is put together like a sentence.
func joined(v string) bool { return hasWord(v, joining) }

func hasWord(v string, known map[string]bool) bool {
	words := strings.Fields(v)
	if len(words) < 2 {
		return false
	}
	for _, w := range words {
		if known[strings.ToLower(strings.Trim(w, `"'.,:;!?()`))] {
			return true
		}
	}
	return false
}

// masked says that someone hid the value before: ******, xxxxx, <hidden>, [FILTERED], (redacted).
func masked(v string) bool {
	v = strings.Trim(v, `"'`+"`")
	if len(v) >= 2 && (v[0] == '<' && strings.ContainsAny(v[1:], ">") || v[0] == '[' && v[len(v)-1] == ']' || v[0] == '(' &&
		v[len(v)-1] == ')') {
		inner := strings.Trim(v, "<>[]()")
		if inner == "" || !strings.ContainsAny(inner, "0123456789") || strings.ContainsAny(inner, " '") {
			return true
		}
	}
	same := strings.TrimRight(v, "…")
	return same == "" || strings.Trim(same, same[:1]) == "" && strings.Contains("*xX.-_#?•", same[:1]) ||
		len(same) > 3 && strings.HasSuffix(same, "***") && strings.Count(same, "*") >= len(same)-4
}

// refers says that a value names where the secret is: $(NAME), ${NAME}, $NAME, %NAME%, {{ .Values.x }}, @Microsoft.KeyVault(…),
// ref+vault://….
func refers(v string) bool {
	v = strings.Trim(v, `"'`+"`")
	switch {
	case len(v) > 2 && v[0] == '$' && (v[1] == '(' || v[1] == '{'), strings.HasPrefix(v, "{{"), strings.HasPrefix(v, "#{"),
		strings.HasPrefix(v, "@Microsoft.KeyVault("),
		strings.HasPrefix(v, "!Ref"), strings.HasPrefix(v, "!Sub"), strings.HasPrefix(v, "<%"):
		return true
	case len(v) > 1 && v[0] == '$' && is(newName, v[1:]) && strings.ToUpper(v) == v && !digits[v[1]]:
		return true
	case len(v) > 2 && v[0] == '%' && v[len(v)-1] == '%' && is(newName, v[1:len(v)-1]):
		return true
	case len(v) == 2 && v[0] == '%':
		return true
	}
	for _, begin := range [...]string{
		"process.env", "os.environ", "os.getenv", "System.getenv", "env.", "env(", "ENV[", "secrets.", "vars.", "var.", "arn:aws:", "op://",
		"ref+", "vault:", "bao:", "gcp:secretmanager", "sm://", "awssm://", "gcpsm://", "azurekeyvault://", "akvs://", "keyring:",
		"secretRef:", "secretref:", "file:", "projects/",
		"kubernetes.io/", "data.", ".Values", "classpath:",
	} {
		if strings.HasPrefix(v, begin) {
			return true
		}
	}
	return false
}

var newName = newClass("A-Za-z0-9_")

// roots are the first parts of paths that a container has.
var roots = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`run var etc home app opt usr tmp mnt secrets secret srv root data vault config proc sys dev lib bin
	certs cert workspace keys tls ssl
		kubernetes Users private media boot sbin src code work build www node go etcd credentials tokens`) {
		out[w] = true
	}
	return out
}()

// filePath says that a value is the path of a file and no password that begins with a slash.
func filePath(v string) bool {
	v = strings.Trim(v, `"'`+"`,;)")
	switch {
	case strings.HasPrefix(v, "./"), strings.HasPrefix(v, "../"), strings.HasPrefix(v, "~/"):
	case len(v) > 3 && v[1] == ':' && (v[2] == '\\' || v[2] == '/') && alnum[v[0]]:
	case strings.HasPrefix(v, "/"):
		first, _, _ := strings.Cut(v[1:], "/")
		if !roots[first] && (mixed(v) || !is(pathBytes, v)) {
			return false
		}
	default:
		for _, end := range [...]string{
			".json", ".yaml", ".yml", ".pem", ".key", ".crt", ".txt", ".env", ".conf", ".toml", ".csv",
			".properties", ".go", ".js", ".ts", ".py", ".java",
		} {
			if strings.HasSuffix(v, end) && is(pathBytes, v) {
				return true
			}
		}
		return false
	}
	return is(pathBytes, strings.ReplaceAll(v, `\`, "/"))
}

var pathBytes = newClass("A-Za-z0-9_./:@~-")

// address says that a value is a URL. What is secret in a URL has rules of its own.
func address(v string) bool {
	v = strings.Trim(v, `"'`+"`")
	scheme, _, ok := strings.Cut(v, "://") // nothing follows in a mask
	return ok && is(schemeByte, strings.TrimPrefix(scheme, "jdbc:"))
}

// random says that a value looks made by a machine: at least so many bytes without a blank, with digits among letters, or letters of both
// cases that are not words. Names of Kubernetes objects, versions, times and addresses don't.
func random(v string, least int) bool {
	if len(v) < least || strings.ContainsAny(v, " \t\n") {
		return false
	}
	var small, large, digit, sign, turns int
	for i := range len(v) {
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			digit++
		case c >= 'a' && c <= 'z':
			small++
		case c >= 'A' && c <= 'Z':
			large++
		case c == '!' || c == '^' || c == '%' || c == '*' || c == '#' || c == '$' || c == '&' || c == '~' || c == '+':
			sign++
		}
		if i > 0 && digits[v[i]] != digits[v[i-1]] {
			turns++
		}
	}
	switch {
	case digit > 0 && small > 0 && large > 0 && turns > 0:
		return true
	case digit > 0 && small+large > 0 && sign > 0:
		return true
	case digit > 0 && small+large > 0 && turns >= 4 && !strings.ContainsAny(v, "-.:/") && len(v) >= 20:
		return true
	}
	return false
}
