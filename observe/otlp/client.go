package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// tracesPath is where receivers take traces, unless they are told otherwise.
const tracesPath = "/v1/traces"

// Environment variables with headers of requests, as the specification of OTLP exporters has them: NAME=VALUE, with
// commas between them and values in percent encoding. The second, if it is not empty, is in place of the first.
const (
	headersVariable       = "OTEL_EXPORTER_OTLP_HEADERS"
	tracesHeadersVariable = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
)

// Limits of a client, against receivers that are slow or hostile.
const (
	answerBytesMax = 64 << 10
	headerBytesMax = 16 << 10
	dialTimeout    = 2 * time.Second
	postTimeout    = 5 * time.Second
)

const contentType = "application/x-protobuf"

// Client posts requests to one receiver. It is for one goroutine.
type Client struct {
	url    string
	header http.Header
	http   *http.Client
	packer *gzip.Writer // nil: requests are sent as they are
}

// NewClient returns a client of a receiver, such as "http://127.0.0.1:4318": requests go to /v1/traces there, or to the
// address' own path if it has one. With https:// the system's roots count. What the receiver wants to know, such as a
// token, stands in OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_TRACES_HEADERS. No error shows anything of these, or
// of the address.
func NewClient(endpoint string) (*Client, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{url: u.String(), header: http.Header{}}
	variable := tracesHeadersVariable
	if os.Getenv(variable) == "" {
		variable = headersVariable
	}
	if err := setHeaders(c.header, os.Getenv(variable)); err != nil {
		return nil, fmt.Errorf("otlp: the environment variable %s %w: write NAME=VALUE, with commas between them", variable, err)
	}
	c.header.Set("Content-Type", contentType)
	c.header.Set("User-Agent", "quoin")
	if ip := net.ParseIP(u.Hostname()); (ip == nil || !ip.IsLoopback()) && u.Hostname() != "localhost" { // there it costs more than it saves
		c.header.Set("Content-Encoding", "gzip")
		c.packer = gzip.NewWriter(nil)
	}
	c.http = &http.Client{
		Timeout:       postTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
			MaxConnsPerHost: 1, MaxIdleConns: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: headerBytesMax},
	}
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post sends a request once, and follows no redirect: spans go to where the operator said and nowhere else. It returns
// nil if the receiver took all of it.
func (c *Client) Post(ctx context.Context, request []byte) error {
	if c.packer != nil {
		var packed bytes.Buffer
		c.packer.Reset(&packed)
		_, err := c.packer.Write(request)
		if err = errors.Join(err, c.packer.Close()); err != nil {
			return fmt.Errorf("otlp: %w", err)
		}
		request = packed.Bytes()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return fmt.Errorf("otlp: %w", err)
	}
	r.Header = c.header
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("otlp: %w", reason(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 { // what else it says is not read: that of a 101 has no end
		return fmt.Errorf("otlp: the receiver answers %s", strconv.Quote(answer.Status))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return fmt.Errorf("otlp: the receiver's answer: %w", reason(err))
	case len(body) > answerBytesMax:
		return fmt.Errorf("otlp: the receiver's answer has more than %d bytes", answerBytesMax)
	case answer.Header.Get("Content-Type") != contentType:
		return nil // it says nothing that means something
	}
	return refused(body)
}

// reason returns why a request failed, without the address that it went to.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

// refused reads an ExportTraceServiceResponse: whether spans were refused.
func refused(answer []byte) error {
	var rejected uint64
	var message string
	err := fields(answer, func(field protowire.Number, v []byte, _ uint64) error {
		if field != 1 { // partial_success
			return nil
		}
		return fields(v, func(field protowire.Number, v []byte, n uint64) error {
			switch field {
			case 1:
				rejected = n
			case 2:
				message = shown(string(v))
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return fmt.Errorf("otlp: the receiver's answer is none: %w", err)
	case rejected > 0:
		return fmt.Errorf("otlp: the receiver refused %d spans: %q", rejected, message)
	}
	return nil // a message without refused spans is advice
}

// fields tells of each field of a message: its bytes, or its number if it is one.
func fields(b []byte, each func(field protowire.Number, v []byte, n uint64) error) error {
	for len(b) > 0 {
		field, form, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var v []byte
		var n uint64
		switch form {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		default:
			size = protowire.ConsumeFieldValue(field, form, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := each(field, v, n); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// setHeaders reads headers as an environment variable has them. Its errors show nothing of it.
func setHeaders(h http.Header, list string) error {
	for _, x := range strings.Split(list, ",") {
		if strings.TrimSpace(x) == "" {
			continue
		}
		name, value, ok := strings.Cut(x, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		switch {
		case !ok:
			return errors.New("has a header without a value")
		case name == "" || strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }):
			return errors.New("has a name that is no header's")
		case err != nil:
			return errors.New("has a value whose percent encoding is wrong")
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return errors.New("has a value that no header can have")
		}
		h.Set(name, value)
	}
	return nil
}

// isToken reports whether a header's name can have a character (RFC 9110, section 5.6.2).
func isToken(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// parseEndpoint reads the address of a receiver. Its errors show nothing of it.
func parseEndpoint(endpoint string) (*url.URL, error) {
	refuse := func(why string) (*url.URL, error) {
		return nil, fmt.Errorf("otlp: the collector's address %s: write one such as http://127.0.0.1:4318 or https://collector.example", why)
	}
	u, err := url.Parse(endpoint)
	switch { // none shows what stands in it: what is no address as it should be may hold a password or a token anywhere
	case err != nil:
		return refuse("is no URL")
	case u.User != nil:
		return refuse("has a password in it, which would be shown in logs; give it in the environment variable " + headersVariable)
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("does not begin with http:// or https://")
	case u.Hostname() == "":
		return refuse("names no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("has more than a path; what a collector wants beside it goes into the environment variable " + headersVariable)
	case !isPort(u.Port()):
		return refuse("has no port of 1 to 65535")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u, nil
}

// isPort reports whether what a URL has for a port is one, or is nothing.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}
