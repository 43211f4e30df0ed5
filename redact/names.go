package redact

import (
	"slices"
	"strings"
)

// meaning is what a name says about the value that goes with it.
type meaning int

const (
	harmless   meaning = iota // nothing
	vendors                   // a secret if a machine made it: "heroku", "DATADOG_API", "sonar.login"
	likely                    // a secret if it looks like one: "auth", "signature", "sessionId", "key"
	secretName                // a secret, whatever it looks like: "DB_PASSWORD", "apiKey"
)

// SecretName says that whatever has this name is a secret: DB_PASSWORD, apiKey, spring.datasource.password.
func SecretName(name string) bool { return meaningOf(strings.TrimLeft(name, "-")) == secretName }

// meaningOf reads a name as people write it: DB_PASSWORD, dbPassword, spring.datasource.password, x-api-key.
// What decides is its last word; a word after a secret's word that says what of it ("count", "file", "name") makes it harmless.
func meaningOf(name string) meaning {
	words := wordsOf(strings.ReplaceAll(name, "PASSW0RD", "PASSWORD"))
	for len(words) > 1 && kindOf(words[len(words)-1])&ending != 0 && !strings.HasPrefix(words[len(words)-2], "conn") {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return harmless
	}
	last := words[len(words)-1]
	before := ""
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	switch {
	case before == "existing" || before == "pull" && last == "secret" || before == "unexpected":
		return harmless
	case kindOf(last)&secretWord != 0 || gluedSecret(last):
		return secretName
	case last == "key":
		return keyMeaning(before, name)
	case kindOf(last)&likelyWord != 0:
		return likely
	case (last == "string" || last == "str") && (before == "connection" || before == "conn"):
		return secretName
	case (last == "response" || last == "request") && before == "saml":
		return likely
	case (last == "url" || last == "uri") && kindOf(before)&database != 0:
		return secretName
	case (last == "id" || last == "value") && (before == "session" || before == "sess"):
		return likely
	case kindOf(last)&about != 0:
		return harmless
	case kindOf(last)&vendor != 0 || kindOf(before)&vendor != 0 && (last == "api" || last == "login" || last == "app"):
		return vendors
	}
	if strings.ToUpper(name) == name { // POSTGRES_PASSWORD_ORDERS, SECRET_KEY_BASE
		for _, w := range slices.Backward(words) {
			if (kindOf(w)&secretWord != 0 || gluedSecret(w)) && w != "pin" {
				return secretName
			}
			if kindOf(w)&about != 0 {
				break
			}
		}
	}
	return harmless
}

// keyMeaning distinguishes an encryption key from the key of a table. before is the word in front of "key".
func keyMeaning(before, name string) meaning {
	switch {
	case before == "" || kindOf(before)&plainKey != 0:
		return harmless
	case kindOf(before)&cryptoKey != 0:
		return secretName
	case strings.ToUpper(name) == name: // a variable
		return secretName
	}
	return likely
}

type wordKind int

const (
	secretWord wordKind = 1 << iota // the value is a secret
	likelyWord                      // it may be
	about                           // after a secret's word: something about it
	ending                          // after a secret's word: one of several
	plainKey                        // before "key": of a table, a map, a message
	cryptoKey                       // before "key": a secret
	database                        // before "url": it usually holds a password
	vendor                          // everyone with an account there has a key with this name
)

func kindOf(word string) wordKind { return wordKinds[word] }

var wordKinds = func() map[string]wordKind {
	out := map[string]wordKind{}
	for kind, words := range map[wordKind]string{
		secretWord: `password passwd passwort passphrase passcode pass pwd pw secret token credential credentials creds cred pat pin
			otp totp cvv cvc mnemonic jwt bearer psk requirepass masterauth storepass keypass userpass dbpass rootpass adminpass ftppass
			smtppass mailpass
			httppass ldappass redispass pgpass apikey accesskey secretkey privatekey accountkey authkey signingkey encryptionkey
			masterkey sharedkey kennwort senha contrasena passe motdepasse mdp wachtwoord haslo passw0rd bindpw rootpw dockerconfigjson dockercfg
			clave secreta contrasenia heslo salasana parola lozinka jelszo sifre losenord adminpw dbpw userpw ftppw smtppw mailpw ldappw authpw
			loginpw mypw sapw webpw wifipw
			sshkey apitoken connectionstring connstring connstr pskey licensekey licencekey subscriptionkey`,
		likelyWord: `auth signature sig hmac session sessionid sessid jsessionid phpsessid sid salt seed ticket assertion samlresponse
			code csrf xsrf otpauth cookie nonce credentialsjson dsn webhook passes`,
		about: `file files path paths name names id ids length len count counts type types age min max expiry expires expiration expire expired
			ttl url
			uri urls endpoint host hostname port policy policies version status state enabled enable disabled required provider issuer
			algorithm alg size limit
			limits bucket field fields format hint ref refs reference rotation reset label env class store manager review reviews requests
			usage budget rate window time at date created updated valid validity strength rules rule mode method source server service
			engine backend mount dir directory folder location selector template scope scopes realm generator validator handler
			filter interceptor controller factory middleware exception error errors failure failures retries attempts cache pool stdin
			prompt
			input changed algorithms header headers prefix suffix regex pattern projection audience index position offset line column kind
			lifetime renewal renew info list set missing invalid match ok check bits checksum digest fingerprint thumbprint owner user
			username
			encoding group namespace annotation annotations volume lookup manifest operator vault arn exists found length_min page
			primaria foranea publica
			minutes seconds days hours ms secs bytes history tries score complexity total used remaining cost price bytes_total`,
		ending: `value val prod production staging stage dev development test live qa uat ro rw old new current previous prev next primary
			secondary default
			plain plaintext text b64 base64 encoded enc encrypted hex string data base raw main backup alt hash hashed confirm
			confirmation repeat again`,
		plainKey: `primary foreign sort partition cache routing idempotency public object message row registry config group dedup deduplication
			shard lock index unique composite map hash range translation i18n label field record event metric topic kafka redis queue
			setting property
			resource error host hot lookup natural surrogate candidate parent child missing duplicate unknown invalid no the this a any
			each search
			s3 blob order sorting grouping join filter facet tag column attribute json yaml xml dictionary dict enum feature flag rate
			limit limiter
			storage pub state document entity item node tree menu hotkey shortcut press down up escape enter tab arrow function_name
			api_group of by for
			correlation request trace span user customer tenant session_count cluster bucket path file job task workflow build widget
			component react list`,
		cryptoKey: `api access secret private encryption encrypt signing sign master hmac account auth authentication shared sharedaccess crypto
			cipher aes rsa des ssh
			ssl tls pem jwt jws jwk webhook app application admin root subscription instrumentation deploy deployment license licence
			service client integration
			sendgrid stripe mailgun datadog dd openai twilio pagerduty sentry newrelic algolia rollbar honeycomb bugsnag server consumer
			developer
			decryption decrypt wrapping unseal recovery seal totp backup publishable activation registration install ingest write read
			admission
			storageaccount cosmos cosmosdb servicebus eventhub function ws wireguard vpn preshared pre pgp gpg kms dkim session cookie
			csrf django rails flask laravel
			monitoring agent intake browser`,
		vendor: strings.Join(vendorNames, " "),
		database: `mongo mongodb database db redis postgres postgresql mysql mariadb amqp rabbitmq broker jdbc datasource sqlalchemy ` +
			`clickhouse cassandra elasticsearch neo4j nats`,
	} {
		for w := range strings.FieldsSeq(words) {
			out[w] |= kind
		}
	}
	return out
}()

// vendorNames are those of which gitleaks' rules say "this word, then a value of this alphabet".
var vendorNames = strings.Fields(`airtable algolia asana atlassian bitbucket circleci cloudflare codecov coinbase confluent contentful
	datadog digitalocean dropbox dynatrace fastly heroku hubspot intercom artifactory launchdarkly linear mailchimp mailgun mapbox
	mattermost messagebird netlify newrelic okta openai opsgenie pagerduty rapidapi rollbar sendgrid sendinblue snyk sonar splunk
	squarespace stripe sumologic twilio twitch typeform vercel zendesk`)

// gluedSecret finds names without a gap: PGPASSWORD, azurestorageaccountkey, jwtsecret.
func gluedSecret(word string) bool {
	for _, end := range [...]string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "pwd", "apikey", "accesskey", "accountkey", "secretkey",
		"privatekey", "authkey",
		"encryptionkey", "signingkey", "masterkey", "credentials", "connectionstring",
	} {
		if len(word) > len(end) && strings.HasSuffix(word, end) {
			return true
		}
	}
	return false
}

// wordsOf splits a name at what is no letter and where small letters turn to large ones. Digits at the end of a word are dropped
// (PASSWORD2).
func wordsOf(name string) []string {
	var out []string
	from := -1
	flush := func(to int) {
		if from >= 0 {
			out = append(out, lowered(name[from:to]))
		}
		from = -1
	}
	for i := range len(name) {
		c := name[i]
		letter, large := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z', c >= 'A' && c <= 'Z'
		inWord := from >= 0 && (c >= '0' && c <= '9') && i+1 < len(name) && alnum[name[i+1]] && (name[i+1] < 'A' || name[i+1] > 'Z')
		switch {
		case !letter && !inWord:
			flush(i)
		case large && from >= 0 && (name[i-1] >= 'a' && name[i-1] <= 'z' || i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'):
			flush(i)
			from = i
		case from < 0:
			from = i
		}
	}
	flush(len(name))
	return out
}
