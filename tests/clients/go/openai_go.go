// The official Go SDK over chat completions and over Responses.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

var (
	ctx    = context.Background()
	client = openai.NewClient(option.WithMaxRetries(0)) // reads OPENAI_BASE_URL and OPENAI_API_KEY
)

var checksOfOpenaiGo = []check{
	{"chats", func() error {
		for _, model := range models {
			reply, err := client.Chat.Completions.New(ctx, asChat(model, hello))
			if err != nil {
				return err
			}
			if err := same(reply.Choices[0].Message.Content, said); err != nil {
				return err
			}
		}
		return nil
	}},
	{"streams", func() error {
		for _, model := range models {
			whole, err := streamChat(asChat(model, hello))
			if err != nil {
				return err
			}
			if err := same(whole.Choices[0].Message.Content, said); err != nil {
				return err
			}
		}
		return nil
	}},
	{"runs a tool loop, whole and streamed", func() error {
		for _, model := range models {
			for _, ask := range []func(openai.ChatCompletionNewParams) (*openai.ChatCompletion, error){askChat, streamChat} {
				if err := chatToolLoop(model, ask); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"creates and streams responses", func() error {
		for _, model := range models {
			made, err := client.Responses.New(ctx, asResponse(model, hello))
			if err != nil {
				return err
			}
			streamed, err := streamResponse(asResponse(model, hello))
			if err != nil {
				return err
			}
			if err := same([]string{made.OutputText(), streamed.OutputText()}, []string{said, said}); err != nil {
				return err
			}
		}
		return nil
	}},
	{"runs a tool loop over Responses", func() error {
		for _, model := range models {
			for _, ask := range []func(responses.ResponseNewParams) (*responses.Response, error){askResponse, streamResponse} {
				if err := responseToolLoop(model, ask); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"returns its own errors", func() error {
		for marker, status := range map[string]int{"throttle": 429, "error=ServiceUnavailableException": 503} {
			_, chat := askChat(asChat(nova, prompt(marker)))
			_, response := askResponse(asResponse(nova, prompt(marker)))
			if err := errors.Join(hasStatus(chat, status), hasStatus(response, status)); err != nil {
				return err
			}
		}
		_, err := client.Chat.Completions.New(ctx, asChat(nova, hello), option.WithAPIKey("wrong"))
		return hasStatus(err, 401)
	}},
	{"returns an error when a stream breaks", func() error {
		for _, model := range models {
			for marker, words := range breaks {
				_, chat := streamChat(asChat(model, prompt(marker)))
				_, response := streamResponse(asResponse(model, prompt(marker)))
				if err := errors.Join(broken(chat, words), broken(response, words)); err != nil {
					return fmt.Errorf("%s, %s: %w", model, marker, err)
				}
			}
		}
		return nil
	}},
}

func asChat(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func askChat(params openai.ChatCompletionNewParams) (*openai.ChatCompletion, error) {
	return client.Chat.Completions.New(ctx, params)
}

func streamChat(params openai.ChatCompletionNewParams) (*openai.ChatCompletion, error) {
	stream := client.Chat.Completions.NewStreaming(ctx, params)
	defer stream.Close()
	whole := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		if !whole.AddChunk(stream.Current()) {
			return nil, errors.New("the accumulator refused a chunk")
		}
	}
	return &whole.ChatCompletion, stream.Err()
}

func chatToolLoop(model string, ask func(openai.ChatCompletionNewParams) (*openai.ChatCompletion, error)) error {
	params := asChat(model, weather)
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "get_weather", Parameters: schema}),
	}
	first, err := ask(params)
	if err != nil {
		return err
	}
	message := first.Choices[0].Message
	if err := same([]any{len(message.ToolCalls), first.Choices[0].FinishReason}, []any{1, "tool_calls"}); err != nil {
		return err
	}
	call := message.ToolCalls[0]
	if err := isParis(call.Function.Arguments); err != nil {
		return err
	}
	params.Messages = append(params.Messages, message.ToParam(), openai.ToolMessage("18 degrees", call.ID))
	last, err := ask(params)
	if err != nil {
		return err
	}
	return same(last.Choices[0].Message.Content, answered)
}

func asResponse(model, text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)},
	}
}

func askResponse(params responses.ResponseNewParams) (*responses.Response, error) {
	return client.Responses.New(ctx, params)
}

func streamResponse(params responses.ResponseNewParams) (*responses.Response, error) {
	stream := client.Responses.NewStreaming(ctx, params)
	defer stream.Close()
	var last *responses.Response
	for stream.Next() {
		if event := stream.Current(); event.Type == "response.completed" {
			last = &event.Response
		}
	}
	if last == nil && stream.Err() == nil {
		return nil, errors.New("a stream ended without response.completed and without an error")
	}
	return last, stream.Err()
}

func responseToolLoop(model string, ask func(responses.ResponseNewParams) (*responses.Response, error)) error {
	params := asResponse(model, weather)
	params.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "get_weather", Parameters: schema}}}
	first, err := ask(params)
	if err != nil {
		return err
	}
	call := first.Output[len(first.Output)-1].AsFunctionCall()
	if err := isParis(call.Arguments); err != nil {
		return err
	}
	params.PreviousResponseID = openai.String(first.ID)
	result := responses.ResponseInputItemParamOfFunctionCallOutput("18 degrees")
	result.OfFunctionCallOutput.CallID = openai.String(call.CallID)
	params.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{result}}
	last, err := ask(params)
	if err != nil {
		return err
	}
	return same(last.OutputText(), answered)
}

func hasStatus(err error, status int) error {
	var own *openai.Error
	if !errors.As(err, &own) {
		return fmt.Errorf("got the error %v, wanted one of the SDK's", err)
	}
	return same(own.StatusCode, status)
}
