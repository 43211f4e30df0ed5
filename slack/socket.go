package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	dialTimeout = 10 * time.Second
	// helloTimeout is how long Slack may take to greet; without a hello a socket gets no envelopes.
	helloTimeout = 10 * time.Second
	// pingEvery keeps middleboxes from forgetting the connection; silence of readTimeout means that it is dead.
	pingEvery    = 10 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 3 * time.Second
	// maxFrame bounds what Slack may send at once; the largest view is 250 kB.
	maxFrame = 4 << 20
	// drainTimeout is how long a closing socket waits for the other side, so that the last acknowledgements arrive.
	drainTimeout = time.Second
)

// socket is one Socket Mode connection. slack-go's own client closes the old connection before it opens the new one, queues
// acknowledgements without reporting whether they were written, and hides why Slack hangs up; so this one is the bot's own.
type socket struct {
	conn    *websocket.Conn
	writing sync.Mutex

	hello    chan struct{} // closed when Slack has greeted
	leaving  chan struct{} // closed when Slack has announced that it will hang up
	retired  chan struct{} // closed by the owner when another socket has taken over
	done     chan struct{} // closed when nothing is read any more
	reason   string        // why Slack leaves; valid after leaving
	sockets  int           // of the app, whoever holds them; valid after hello
	stopping atomic.Bool
	inFlight sync.WaitGroup // envelopes that are not acknowledged yet
}

// dial opens a connection at the address that apps.connections.open gave.
func dial(ctx context.Context, address string) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := *websocket.DefaultDialer // honours HTTPS_PROXY
	conn, answer, err := dialer.DialContext(ctx, address, nil)
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", plainError(err)) // the address holds a ticket
	}
	conn.SetReadLimit(maxFrame)
	k := &socket{
		conn: conn, hello: make(chan struct{}), leaving: make(chan struct{}), retired: make(chan struct{}), done: make(chan struct{}),
	}
	conn.SetPongHandler(func(string) error { return k.alive() })
	conn.SetPingHandler(func(data string) error {
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout)) // a dead connection shows when reading
		return k.alive()
	})
	return k, nil
}

var errStopping = errors.New("stopping")

// alive postpones the moment at which silence means death.
func (k *socket) alive() error {
	if err := k.conn.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	if k.stopping.Load() { // after the deadline was set, so that stopReading is never undone
		return errStopping
	}
	return nil
}

// readAll hands every envelope to take until the connection ends. take must not block. bad is called for frames that
// are not JSON.
func (k *socket) readAll(take func(frame), bad func()) {
	defer close(k.done)
	greeted, left := false, false
	for {
		if k.alive() != nil {
			return
		}
		_, raw, err := k.conn.ReadMessage()
		if err != nil {
			return
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			bad()
			continue
		}
		switch {
		case f.Type == "hello" && !greeted:
			greeted = true
			k.sockets = f.Sockets
			close(k.hello)
		case f.Type == "disconnect" && !left:
			left = true
			k.reason = f.Reason
			close(k.leaving)
		case f.EnvelopeID != "":
			take(f)
		}
	}
}

// stopReading makes readAll return soon.
func (k *socket) stopReading() {
	k.stopping.Store(true)
	_ = k.conn.SetReadDeadline(time.Now()) // fails only on a closed connection, which is what is wanted
}

// ack acknowledges one envelope. When it returns nil the frame has been handed to the network.
func (k *socket) ack(envelope string, payload any) error {
	frame, err := json.Marshal(struct {
		EnvelopeID string `json:"envelope_id"`
		Payload    any    `json:"payload,omitempty"`
	}{envelope, payload})
	if err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	if err := k.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	if err := k.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	return nil
}

func (k *socket) ping() error {
	return k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout))
}

// close says goodbye and reads what is still coming: closing with unread data would make the kernel throw away the
// acknowledgements that are on their way. It must be called after readAll has returned and inFlight is done.
func (k *socket) close() {
	deadline := time.Now().Add(drainTimeout)
	if k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline) == nil {
		raw := k.conn.NetConn()
		if raw.SetReadDeadline(deadline) == nil {
			_, _ = io.Copy(io.Discard, raw) // until the other side closes, or the deadline
		}
	}
	_ = k.conn.Close()
}
