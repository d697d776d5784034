// go-openai, an SDK of the community. Its parser reads lines and takes only an unnamed frame for an error.
package main

import (
	"errors"
	"fmt"
	"io"

	sashabaranov "github.com/sashabaranov/go-openai"
)

var checksOfGoOpenai = []check{
	{"chats and streams", func() error {
		reply, err := community(key).CreateChatCompletion(ctx, communityRequest(hello))
		if err != nil {
			return err
		}
		streamed, err := streamCommunity(hello)
		if err != nil {
			return err
		}
		return same([]string{reply.Choices[0].Message.Content, streamed}, []string{said, said})
	}},
	{"runs a tool loop", func() error {
		request := communityRequest(weather)
		function := &sashabaranov.FunctionDefinition{Name: "get_weather", Parameters: schema}
		request.Tools = []sashabaranov.Tool{{Type: sashabaranov.ToolTypeFunction, Function: function}}
		first, err := community(key).CreateChatCompletion(ctx, request)
		if err != nil {
			return err
		}
		message := first.Choices[0].Message
		if err := same(len(message.ToolCalls), 1); err != nil {
			return err
		}
		result := sashabaranov.ChatCompletionMessage{Role: "tool", Content: "18 degrees", ToolCallID: message.ToolCalls[0].ID}
		request.Messages = append(request.Messages, message, result)
		last, err := community(key).CreateChatCompletion(ctx, request)
		if err != nil {
			return err
		}
		return same(last.Choices[0].Message.Content, answered)
	}},
	{"returns its own errors", func() error {
		for _, each := range []struct {
			key, text string
			status    int
		}{{"wrong", hello, 401}, {key, prompt("throttle"), 429}} {
			_, err := community(each.key).CreateChatCompletion(ctx, communityRequest(each.text))
			var own *sashabaranov.APIError
			if !errors.As(err, &own) {
				return fmt.Errorf("got the error %v, wanted an APIError", err)
			}
			if err := same(own.HTTPStatusCode, each.status); err != nil {
				return err
			}
		}
		return nil
	}},
	{"returns an error when a stream breaks", func() error {
		for marker, words := range breaks {
			_, err := streamCommunity(prompt(marker))
			if err := broken(err, words); err != nil {
				return fmt.Errorf("%s: %w", marker, err)
			}
		}
		return nil
	}},
}

func community(key string) *sashabaranov.Client {
	config := sashabaranov.DefaultConfig(key)
	config.BaseURL = base
	return sashabaranov.NewClientWithConfig(config)
}

func communityRequest(text string) sashabaranov.ChatCompletionRequest {
	return sashabaranov.ChatCompletionRequest{
		Model: nova, Messages: []sashabaranov.ChatCompletionMessage{{Role: "user", Content: text}},
	}
}

func streamCommunity(text string) (string, error) {
	stream, err := community(key).CreateChatCompletionStream(ctx, communityRequest(text))
	if err != nil {
		return "", err
	}
	defer stream.Close()
	whole := ""
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return "", err
		}
		if len(chunk.Choices) > 0 {
			whole += chunk.Choices[0].Delta.Content
		}
	}
}
