package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

// The secrets of this test are made when it runs: what looks like a live credential in a repository trips its users' scanners.
const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	decimals     = "0123456789"
	mixedLetters = lowerLetters + upperLetters + decimals
)

// secretLines are templates; «S» is a token, «P» a password, «W» a word of small letters, «H» 32 hexadecimal digits, «HH» 64,
// «U» a UUID, «N4» four digits.
var secretLines = []string{
	// assignments of every language
	"export API_KEY=«S»",
	"set DB_PASS=«P»",
	"ENV SMTP_PASSWORD «P»",
	"MYSQL_ROOT_PASSWORD: «W»",
	"MYSQL_PWD=«W»",
	"SECRET_KEY_BASE=«S»",
	"APP_KEY=base64:«S»",
	"SENTRY_AUTH_TOKEN=«H»",
	"spring.datasource.password=«W»",
	"spring.rabbitmq.password: «P»",
	"quarkus.datasource.password = «W»",
	"$config['db_password'] = '«P»';",
	`config["secret"] = "«W»"`,
	"let token = \"«S»\";",
	"const apiKey: string = '«S»'",
	"password := \"«W»\"",
	":secret_key_base => \"«S»\"",
	"secret_key_base: «W»",
	"adminPassword=«W»,adminUser=root",
	"POSTGRES_PASSWORD_ORDERS=«W»",
	"TOKEN_PROD=«S»",
	"API_KEY_1=«S»",
	"AccessToken = «S»",
	"access token: «S»",
	"API Key: «W»",
	"client secret: «S»",
	"Auth Token = «S»",
	"auth_token: «S»",
	"authToken=«W»",
	"x.y.z.apiSecret=«W»",
	"license_key=«S»",
	"webhook_secret: «W»",
	"signing-key: «S»",
	"storage_account_key = «S»",
	"NEXTAUTH_SECRET=\"«S»\"",
	"[default]\naws_secret_access_key=«S»",
	"db.password=«P» # the database",
	"password=«P», retrying",
	"(password=«P»)",
	"[password=«P»]",
	"{password=«P»}",
	"password=«P»;",
	"<password>«P»</password>",
	"<DbPassword>«W»</DbPassword>",
	"<property name=\"password\" value=\"«W»\"/>",
	"<add key=\"ApiKey\" value=\"«S»\" />",
	"<entry value=\"«W»\" key=\"db.password\"/>",
	"password=\"«W» and more «W»\"",
	"--set auth.rootPassword=«W»",
	"--from-literal=password=«W»",
	"-Dtoken=«S»",
	"PASSWORD=%22«W»%22",
	"password%3D«W»",
	"password\\u003d«W»",
	"password=«W»&user=x",
	"user=x&password=«W»",
	"?password=«W»#top",
	"&quot;password&quot;:&quot;«W»&quot;",
	"{\\\"apiKey\\\":\\\"«S»\\\"}",
	"{\"auth\":{\"token\":\"«W»\"}}",
	"{'token': '«W»'}",
	"{\"tokens\":1,\"token\":\"«W»\"}",
	"{\"password\": \"«W»\", \"user\": \"x\"}",
	"{\"password\":«N8»}",
	"{\"passwords\":[\"x\"],\"secret\":[\"«W»\"]}",
	"map[password:«W» user:x]",
	"Config(password='«P»', user='x')",
	"&{Password:«W» User:x}",
	"{Name:DB_PASSWORD Value:«W» ValueFrom:nil}",
	"User(name=x, passwordHash=«S»)",
	"pin: «N4»",
	"otp=«N6»",
	"PGPASSWORD=«P» psql -h db",
	"passphrase: «P»",
	// pairs with keys of their own
	"- name: API_TOKEN\n  value: «W»",
	"- name: API_TOKEN\n  value: \"«W»\"",
	"- value: «W»\n  name: API_TOKEN",
	"{\"key\":\"DB_PASSWORD\",\"value\":\"«W»\"}",
	"{\"Key\":\"secretKey\",\"Value\":\"«W»\"}",
	"{\"name\": \"PASSWORD\", \"slot\": 1, \"value\": \"«P»\"}",
	"password: |\n  «W»\n  «W»",
	"password: >-\n    «W»",
	"password:\n  «S»",
	"token =\n«S»",
	"apiVersion: v1\nkind: Secret\nstringData:\n  user: «W»\n  note: «P»",
	"{\"kind\":\"Secret\",\"data\":{\"user\":\"«S»\",\"x\":\"«S»\"}}",
	"{\"data\":{\"user\":\"«S»\"},\"kind\":\"Secret\"}",
	// headers
	"Authorization: Splunk «U»",
	"Authorization: ApiKey «S»",
	"authorization: Token «W»",
	"Authorization: AWS4-HMAC-SHA256 Credential=x/20261129/s3, SignedHeaders=host, Signature=«H»",
	"Authorization: OAuth oauth_consumer_key=\"x\", oauth_signature=\"«S»\"",
	"Authorization: «S»",
	"Authorization: [Bearer «S»]",
	"map[Authorization:[Bearer «S»]]",
	"-H 'Authorization: Bearer «S»'",
	"-H \"X-Api-Key: «W»\" https://x",
	"{\"Authorization\":\"Negotiate «S»\"}",
	"\"authorization\":[\"Bearer «S»\"]",
	"Proxy-Authorization: Basic «S»",
	"X-Amz-Security-Token: «S»",
	"X-Goog-Api-Key: «S»",
	"PRIVATE-TOKEN: «S»",
	"X-Gitlab-Token: «W»",
	"DD-API-KEY: «H»",
	"api-key: «H»",
	"Ocp-Apim-Subscription-Key=«H»",
	"X-Hub-Signature-256: sha256=«HH»",
	"apikey: «W»",
	"Set-Cookie: sid=«S»; Path=/; HttpOnly",
	"cookie: a=1; session=«S»",
	"JSESSIONID=«S»",
	"connect.sid=s%3A«S»",
	"PHPSESSID=«S»",
	"XSRF-TOKEN=«S»",
	"using Bearer «S» now",
	"bearer «S»",
	// URLs
	"https://x:«P»@git.example.com/r.git",
	"postgresql://u:«W»@db/x",
	"mongodb+srv://u:«P»@c0.example.net/?retryWrites=true",
	"redis://default:«W»@r:6379",
	"amqps://u:«P»@mq//vhost",
	"ftp://u:«W»@f/x",
	"ldap://cn=admin:«P»@l",
	"https://«S»@github.com/x",
	"sqlserver://sa:«P»@db:1433?database=x",
	"kafka://u:«P»@k:9092",
	"socks5://u:«W»@p:1080",
	"http://:«W»@r",
	"postgres%3A%2F%2Fu%3A«W»%40db%2Fx",
	"u:«P»@tcp(db:3306)/x",
	"jdbc:mysql://db/x?user=a&password=«W»",
	"jdbc:sqlserver://db;user=sa;password=«P»;encrypt=true",
	"jdbc:oracle:thin:u/«P»@db:1521/x",
	"GET /x?token=«W» HTTP/1.1",
	"/cb?code=«S»&state=x",
	"/x?sig=«S»",
	"?access_token=«W»",
	"&client_secret=«W»&grant_type=x",
	"?X-Amz-Signature=«HH»&x=1",
	"?X-Amz-Security-Token=«S»",
	"?X-Goog-Signature=«HH»",
	"https://hooks.slack.com/services/T1/B1/«S»",
	"https://discord.com/api/webhooks/1/«S»",
	"https://x.webhook.office.com/webhookb2/«U»@«U»/IncomingWebhook/«H»/«U»",
	"https://api.telegram.org/bot12345678:AA«S»/getMe",
	"https://chat.googleapis.com/v1/spaces/x/messages?key=«S»&token=«S»",
	"https://hooks.zapier.com/hooks/catch/1/«S»",
	// connection strings
	"Server=db;Uid=u;Pwd=«W»;",
	"Data Source=x;User ID=u;Password=«P»",
	"Host=db;Username=u;Password=«W»;Port=5432",
	"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=«S»=",
	"host=db password='«P»' user=x",
	"cache.redis.cache.windows.net:6380,password=«S»=,ssl=True",
	"AccountName=x;AccountKey=«S»==",
	"BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig=«S»%3D",
	"HostName=x;DeviceId=d;SharedAccessKey=«S»=",
	"InstrumentationKey=«U»;x=y",
	"Endpoint=https://x;AccessKey=«S»=;Version=1.0",
	// command lines
	"curl -u admin:«P» https://x",
	"curl --user 'u:«P»' x",
	"curl -sSu u:«P» x",
	"curl -uadmin:«P» x",
	"mysql -u root -p«P» db",
	"mysqldump -uroot -p«W» x",
	"[\"mysql\",\"-p«P»\"]",
	"redis-cli -h r -a «W»",
	"docker login -u u -p «W» r.example.com",
	"helm registry login -u u -p «P» r",
	"sshpass -p «P» ssh h",
	"sshpass -p«P» ssh h",
	"mongosh -u u -p «W»",
	"mongodump --password=«W»",
	"ldapsearch -D cn=x -w «W»",
	"az login --service-principal -u x -p «P» --tenant t",
	"az acr login --password «W»",
	"sqlcmd -S db -U sa -P «P»",
	"wget --password=«W» x",
	"openssl enc -k «W» -in x",
	"openssl rsa -passin pass:«W»",
	"rabbitmqctl add_user x «W»",
	"htpasswd -bc f u «W»",
	"smbclient //h/s -U u%«W»",
	"[\"--api-token\",\"«W»\"]",
	"--token «W»",
	"--password '«P»'",
	"-password «W»",
	"args: [\"--db-password\", \"«W»\"]",
	"keytool -storepass «W»",
	"sqlplus u/«W»@db",
	"ALTER USER x IDENTIFIED BY '«W»'",
	"CREATE ROLE x WITH PASSWORD '«W»'",
	"machine h login u password «W»",
	"AUTH «W»",
	"AUTH default «P»",
	"CONFIG SET requirepass «P»",
	"vault login s.«S24»",
	"echo x | docker login --password=«W»",
	"kubectl config set-credentials x --token=«W»",
	"gh auth login --with-token=«S»",
	// sentences
	"the password is «P»",
	"invalid token «S»",
	"with secret \"«S»\"",
	"API key '«S»' is wrong",
	"token=«S» is expired",
	"token: «S» is expired",
	"Incorrect API key provided: «S».",
	// a JSON log with JSON inside
	`{"msg":"{\"dsn\":\"x\",\"password\":\"«W»\"}"}`,
	`{"msg":"password=«W»\n"}`,
	`{"body":"grant_type=password&password=«W»"}`,
	`{"log":"Authorization: Bearer «S»\r\n"}`,
	"time=x level=info msg=\"token=«W»\"",
	// hashes of passwords
	"{SSHA}«S»",
	"$2b$12$«S53»",
	"$6$rounds=5000$x$«S86»",
	"$argon2id$v=19$m=65536,t=3,p=4$«S22»$«S43»",
	"SCRAM-SHA-256$4096:«S»=$«S»=:«S»=",
}

func TestSecretsOfEveryKindAreHidden(t *testing.T) {
	t.Parallel()
	r := redact.New()
	require.Greater(t, len(secretLines), 150)
	for seed := range uint64(5) {
		m := newMaker(seed)
		for _, template := range secretLines {
			line, secrets := m.fill(template)
			require.NotEmpty(t, secrets, template)
			requireHidden(t, r, line, secrets)
			requireHidden(t, r, "2026-11-29T10:00:00Z WARN app - "+line+"\nand the next line", secrets)
		}
	}
}

func TestASecretIsHiddenInEncodings(t *testing.T) {
	t.Parallel()
	r := redact.New()
	m := newMaker(3)
	for name, encode := range map[string]func(string) string{
		"base64":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 without =":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
		"base64 for URLs":   func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"hexadecimal":       func(s string) string { return hex.EncodeToString([]byte(s)) },
		"large hexadecimal": func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"base64 in base64": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
		},
		"base64 in JSON": func(s string) string {
			return `{"a":"` + base64.StdEncoding.EncodeToString([]byte(`{"b":"x",`+s+`}`)) + `"}`
		},
		"base64 as a path": func(s string) string { return "/v1/" + base64.RawURLEncoding.EncodeToString([]byte(s)) + "/x" },
		"escaped in JSON": func(s string) string {
			var b strings.Builder
			for _, c := range []byte(s) {
				fmt.Fprintf(&b, `\u%04x`, c)
			}
			return b.String()
		},
		"escaped in a URL": func(s string) string {
			var b strings.Builder
			for _, c := range []byte(s) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			return b.String()
		},
		"as PowerShell writes it": func(s string) string {
			var b []byte
			for _, c := range []byte(s) {
				b = append(b, c, 0)
			}
			return base64.StdEncoding.EncodeToString(b)
		},
		"in Cyrillic letters":   func(s string) string { return strings.Replace(s, "pass", "p\u0430ss", 1) + "#" },
		"hexadecimal in base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte(s)))) },
	} {
		for range 10 {
			secret := m.password()
			for _, plain := range []string{"password=" + secret, `"password":"` + secret + `"`, "postgres://u:" + secret + "@db/x"} {
				blob := encode(plain)
				out := r.String("payload " + blob + " end")
				require.NotContains(t, out, blob, name)
				require.Contains(t, out, " end", name)
			}
		}
	}
}

func TestPrivateKeysAreHiddenWhateverIsLeftOfThem(t *testing.T) {
	t.Parallel()
	r := redact.New()
	m := newMaker(4)
	for _, kind := range []string{
		"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY",
		"PGP PRIVATE KEY BLOCK",
	} {
		pem, lines := m.pem(kind, 6)
		begin, end, _ := strings.Cut(pem, lines[3])
		for name, text := range map[string]string{
			"whole":                  pem,
			"with escapes":           strings.ReplaceAll(pem, "\n", `\n`),
			"with more escapes":      strings.ReplaceAll(pem, "\n", `\\n`),
			"in a JSON log":          `{"msg":"bad key ` + strings.ReplaceAll(pem, "\n", `\n`) + `"}`,
			"in one line":            strings.ReplaceAll(pem, "\n", " "),
			"with Windows lines":     strings.ReplaceAll(pem, "\n", "\r\n"),
			"indented":               "key: |\n  " + strings.ReplaceAll(pem, "\n", "\n  "),
			"the beginning":          "cannot read " + begin + lines[3][:20],
			"the beginning of a log": "cannot read " + begin + "\nError: bad key at server.go:17",
			"the end":                lines[3][:20] + end + "\nError: bad key",
			"the end in escapes":     strings.ReplaceAll(lines[3]+end, "\n", `\n`) + " of it",
			"the middle":             "at\n" + strings.Join(lines[1:4], "\n") + "\nof it",
		} {
			var secrets []string
			for _, l := range lines {
				if strings.Contains(text, l) {
					secrets = append(secrets, l)
				}
			}
			out := r.String(text)
			for _, s := range secrets {
				require.NotContains(t, out, s, name)
			}
			require.Equal(t, out, r.String(out), name)
			if strings.Contains(text, "Error: bad key") {
				require.Contains(t, out, "Error: bad key", name)
			}
		}
	}
	pem, lines := m.pem("RSA PRIVATE KEY", 12)
	encoded := base64.StdEncoding.EncodeToString([]byte(pem))
	require.NotContains(t, r.String("tls.key: "+encoded), encoded[100:140])
	var wrapped strings.Builder
	for i := 0; i < len(encoded); i += 76 {
		wrapped.WriteString(encoded[i:min(len(encoded), i+76)] + "\n")
	}
	require.NotContains(t, r.String("secret\n"+wrapped.String()), encoded[200:240])
	_ = lines
}

// innocentLines have words of secrets, or look as random as one, and must stay: they're what explains a failure.
var innocentLines = strings.Split(strings.TrimSpace(innocentText), "\n")
