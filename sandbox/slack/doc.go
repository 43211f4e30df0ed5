// Package slackd is a Slack that runs on this machine: Web API, Socket Mode and a web page to type and click in.
// It is as strict as the real one about tokens, scopes, membership, sizes and rates, so what passes here passes there.
// It knows nothing of the bot: the two meet only over HTTP and a web socket.
//
// A test starts one, points slack-go at it and then acts as people do:
//
//	s := slackd.New(t, slackd.Options{})
//	api := slack.New(s.BotToken(), slack.OptionAppLevelToken(s.AppToken()), slack.OptionAPIURL(s.APIURL()))
//	…
//	_, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback api-gateway production")
//	card, err := s.WaitMessage(ctx, "C0OPS", slackd.Says("is waiting for approval"))
//	plan, err := s.WaitReply(ctx, "C0OPS", card.TS, slackd.HasButton("approve"))
//	_, err = s.Click("U0CARLA", plan, "approve")
//
// README.md beside this file lists the people's actions, the switches for bad days and the same control over HTTP.
package slackd
