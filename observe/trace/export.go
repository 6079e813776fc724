package trace

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// tracesPath is where OTLP/HTTP receivers take traces, unless they are told otherwise.
const tracesPath = "/v1/traces"

// Limits of an exporter, against collectors that are slow or hostile.
const (
	requestBytesMax = 8 << 20
	answerBytesMax  = 64 << 10
	headerBytesMax  = 16 << 10
	dialTimeout     = 2 * time.Second
	exportTimeout   = 5 * time.Second
)

// parseEndpoint reads the address of a collector. Its errors show nothing of it.
func parseEndpoint(endpoint string) (*url.URL, error) {
	refuse := func(why string) (*url.URL, error) {
		return nil, fmt.Errorf("trace: the collector's address %s: write one such as http://127.0.0.1:4318 or https://collector.example", why)
	}
	u, err := url.Parse(endpoint)
	switch { // none shows what stands in it: what is no address as it should be may hold a password or a token anywhere
	case err != nil:
		return refuse("is no URL")
	case u.User != nil:
		return refuse("has a password in it, which would be shown in logs; give it in the environment variable OTEL_EXPORTER_OTLP_HEADERS")
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("does not begin with http:// or https://")
	case u.Hostname() == "":
		return refuse("names no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("has more than a path; what a collector wants beside it goes into the environment variable OTEL_EXPORTER_OTLP_HEADERS")
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

// newExporter returns an exporter that tries each batch once. It follows no redirect: spans go to where the
// operator said and nowhere else.
func newExporter(endpoint string) (sdk.SpanExporter, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout:       exportTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
			MaxConnsPerHost: 1, MaxIdleConns: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: headerBytesMax},
	}
	packing := otlptracehttp.GzipCompression
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		packing = otlptracehttp.NoCompression // it costs more than it saves on the way
	}
	return otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithCompression(packing), otlptracehttp.WithMaxRequestSize(requestBytesMax),
		otlptracehttp.WithMaxResponseSize(answerBytesMax))
}
