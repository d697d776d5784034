import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.RateLimitException;
import com.openai.errors.SseException;
import com.openai.errors.UnauthorizedException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.helpers.ResponseAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.responses.FunctionTool;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseFunctionToolCall;
import com.openai.models.responses.ResponseInputItem;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The official Java SDK over chat completions and over Responses. */
final class OpenaiJava {
    static final OpenAIClient CLIENT = client(Checks.API_KEY);
    static final List<Function<ChatCompletionCreateParams, ChatCompletion>> CHAT =
        List.of(params -> CLIENT.chat().completions().create(params), OpenaiJava::stream);
    static final List<Function<ResponseCreateParams, Response>> RESPONSES =
        List.of(params -> CLIENT.responses().create(params), OpenaiJava::stream);
    static final Map<String, Object> SCHEMA =
        Map.of("type", "object", "properties", Map.of("city", Map.of("type", "string")), "required", List.of("city"));

    static OpenAIClient client(String key) {
        return OpenAIOkHttpClient.builder().baseUrl(Checks.BASE_URL).apiKey(key).maxRetries(0).build();
    }

    public static void main(String[] arguments) {
        new Checks("openai_java")
            .check("chats, whole and streamed", () -> {
                for (var model : Checks.MODELS)
                    for (var ask : CHAT) Checks.same(text(ask.apply(chat(model, "Hello").build())), "You said: Hello");
            })
            .check("runs a tool loop, whole and streamed", () -> {
                for (var model : Checks.MODELS) for (var ask : CHAT) chatToolLoop(model, ask);
            })
            .check("creates responses, whole and streamed", () -> {
                for (var model : Checks.MODELS)
                    for (var ask : RESPONSES) Checks.same(text(ask.apply(response(model, "Hello").build())), "You said: Hello");
            })
            .check("runs a tool loop over Responses, whole and streamed", () -> {
                for (var model : Checks.MODELS) for (var ask : RESPONSES) responseToolLoop(model, ask);
            })
            .check("raises its own errors", () -> {
                var throttled = Checks.prompt("throttle");
                var chat = chat(Checks.NOVA, throttled).build();
                var response = response(Checks.NOVA, throttled).build();
                for (var ask : CHAT) Checks.raises(RateLimitException.class, "429", () -> ask.apply(chat));
                for (var ask : RESPONSES) Checks.raises(RateLimitException.class, "429", () -> ask.apply(response));
                Checks.raises(UnauthorizedException.class, "401", () -> client("wrong").chat().completions().create(chat));
                Checks.raises(UnauthorizedException.class, "401", () -> client("wrong").responses().create(response));
            })
            .check("raises an error when a stream breaks", () -> {
                for (var model : Checks.MODELS)
                    for (var each : Checks.BREAKS.entrySet()) {
                        var text = Checks.prompt(each.getKey());
                        Checks.raises(SseException.class, each.getValue(), () -> stream(chat(model, text).build()));
                        Checks.raises(SseException.class, each.getValue(), () -> stream(response(model, text).build()));
                    }
            })
            .end();
    }

    static ChatCompletionCreateParams.Builder chat(String model, String text) {
        return ChatCompletionCreateParams.builder().model(model).addUserMessage(text);
    }

    static ResponseCreateParams.Builder response(String model, String text) {
        return ResponseCreateParams.builder().model(model).input(text);
    }

    static ChatCompletion stream(ChatCompletionCreateParams params) {
        var whole = ChatCompletionAccumulator.create();
        try (var stream = CLIENT.chat().completions().createStreaming(params)) {
            stream.stream().forEach(whole::accumulate);
        }
        return whole.chatCompletion();
    }

    static Response stream(ResponseCreateParams params) {
        var whole = ResponseAccumulator.create();
        try (var stream = CLIENT.responses().createStreaming(params)) {
            stream.stream().forEach(whole::accumulate);
        }
        return whole.response();
    }

    static void chatToolLoop(String model, Function<ChatCompletionCreateParams, ChatCompletion> ask) {
        var schema = FunctionParameters.builder();
        SCHEMA.forEach((name, value) -> schema.putAdditionalProperty(name, JsonValue.from(value)));
        var tool = FunctionDefinition.builder().name("get_weather").parameters(schema.build()).build();
        var params = chat(model, "What is the weather in Paris?").addFunctionTool(tool);
        var message = ask.apply(params.build()).choices().get(0).message();
        var call = message.toolCalls().orElseThrow().get(0).asFunction();
        Checks.same(call.function().arguments().replace(" ", ""), "{\"city\":\"Paris\"}");
        var result = ChatCompletionToolMessageParam.builder().toolCallId(call.id()).content("18 degrees").build();
        Checks.same(text(ask.apply(params.addMessage(message).addMessage(result).build())), "The tool answered: 18 degrees");
    }

    static void responseToolLoop(String model, Function<ResponseCreateParams, Response> ask) {
        var schema = FunctionTool.Parameters.builder();
        SCHEMA.forEach((name, value) -> schema.putAdditionalProperty(name, JsonValue.from(value)));
        var tool = FunctionTool.builder().name("get_weather").parameters(schema.build()).strict(false).build();
        var params = response(model, "What is the weather in Paris?").addTool(tool);
        var first = ask.apply(params.build());
        ResponseFunctionToolCall call =
            first.output().stream().flatMap(item -> item.functionCall().stream()).findFirst().orElseThrow();
        Checks.same(call.arguments().replace(" ", ""), "{\"city\":\"Paris\"}");
        var result = ResponseInputItem.FunctionCallOutput.builder().callId(call.callId()).output("18 degrees").build();
        var next = params.previousResponseId(first.id()).inputOfResponse(List.of(ResponseInputItem.ofFunctionCallOutput(result)));
        Checks.same(text(ask.apply(next.build())), "The tool answered: 18 degrees");
    }

    static String text(ChatCompletion reply) {
        return reply.choices().get(0).message().content().orElseThrow();
    }

    static String text(Response reply) {
        var text = new StringBuilder();
        reply.output().stream()
            .flatMap(item -> item.message().stream())
            .flatMap(message -> message.content().stream())
            .flatMap(part -> part.outputText().stream())
            .forEach(part -> text.append(part.text()));
        return text.toString();
    }
}
