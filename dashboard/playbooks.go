package dashboard

import (
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"quoin.dev/quoin/docs"
)

// playbooks serves docs/playbooks.md, so that whoever is told of an alert at night needs nothing but the node.
func playbooks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = playbooksPage.Execute(w, playbooksText) // a client that went away
}

var playbooksText = rendered(docs.Playbooks)

var playbooksPage = template.Must(template.New("playbooks").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Playbooks · Quoin</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="style.css">
<link rel="stylesheet" href="views.css">
</head>
<body>
<main class="playbooks">
<p><a href="./#/alerts">Back to the alerts</a></p>
{{.}}</main>
</body>
</html>
`))

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	inlineBold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	inlineLink = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
)

// rendered turns the little Markdown that the project's own pages are written in (headings, paragraphs, lists of one
// level, indented code, and code and bold words within a line) into HTML. Headings have the ids that alerts name.
// Links are left out: the pages that they lead to are not here.
func rendered(markdown string) template.HTML {
	var b strings.Builder
	for _, block := range strings.Split(strings.ReplaceAll(markdown, "\n\n    ", "\n\n\x00    "), "\n\n") {
		block = strings.TrimLeft(strings.TrimRight(block, "\n"), "\n")
		code, isCode := strings.CutPrefix(block, "\x00    ")
		marks := len(block) - len(strings.TrimLeft(block, "#"))
		switch {
		case block == "":
		case isCode:
			b.WriteString("<pre tabindex=\"0\">" + template.HTMLEscapeString(strings.ReplaceAll(code, "\n    ", "\n")) + "</pre>\n")
		case marks > 0 && marks <= 3:
			title := strings.TrimSpace(block[marks:])
			tag := [...]string{"h1", "h2", "h3"}[marks-1]
			b.WriteString("<" + tag + " id=\"" + anchor(title) + "\">" + inline(title) + "</" + tag + ">\n")
		case strings.HasPrefix(block, "- "):
			b.WriteString("<ul>")
			for _, item := range strings.Split(block[2:], "\n- ") {
				b.WriteString("<li>" + inline(item) + "</li>")
			}
			b.WriteString("</ul>\n")
		default:
			b.WriteString("<p>" + inline(block) + "</p>\n")
		}
	}
	return template.HTML(b.String())
}

func inline(text string) string {
	text = inlineLink.ReplaceAllString(template.HTMLEscapeString(text), "$1")
	return inlineBold.ReplaceAllString(inlineCode.ReplaceAllString(text, "<code>$1</code>"), "<strong>$1</strong>")
}

// anchor is the id of a heading, as code hosts make it.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}
