package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

const (
	claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0" // signed reasoning
	nova   = "amazon.nova-lite-v1:0"
)

var (
	models = []string{nova, claude}
	// How the emulator ends a stream in the middle of an answer, and the words of the error that a client must return then.
	breaks   = map[string]string{"throttle after=2": "Too many requests", "cut after=2": "broke off"}
	base     = os.Getenv("OPENAI_BASE_URL")
	key      = os.Getenv("OPENAI_API_KEY")
	hello    = "Hello"
	said     = "You said: Hello"
	weather  = "What is the weather in Paris?"
	answered = "The tool answered: 18 degrees"
	schema   = map[string]any{
		"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"},
	}
	failed bool
)

type check struct {
	title string
	run   func() error
}

var clients = map[string][]check{"openai_go": checksOfOpenaiGo, "go_openai": checksOfGoOpenai}

// main runs the checks of the client that its argument names: all run, each prints its line.
func main() {
	name := os.Args[1]
	all(clients[name], name)
	if failed {
		os.Exit(1)
	}
}

func all(checks []check, client string) {
	for _, each := range checks {
		if err := each.run(); err != nil {
			failed = true
			fmt.Printf("FAILED %s: %s: %s\n", client, each.title, strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Printf("ok %s: %s\n", client, each.title)
		}
	}
}

func same(got, wanted any) error {
	if !reflect.DeepEqual(got, wanted) {
		return fmt.Errorf("got %#v, wanted %#v", got, wanted)
	}
	return nil
}

func isParis(arguments string) error {
	var got map[string]any
	if err := json.Unmarshal([]byte(arguments), &got); err != nil {
		return err
	}
	return same(got, map[string]any{"city": "Paris"})
}

// broken checks that the error of a stream has the words of its cause.
func broken(err error, words string) error {
	if err == nil {
		return errors.New("a half answer passed for a whole one")
	}
	if !strings.Contains(err.Error(), words) {
		return fmt.Errorf("got the error %q, wanted %q in it", err, words)
	}
	return nil
}

func prompt(marker string) string {
	return "one two three [[emulate: " + marker + "]]"
}
