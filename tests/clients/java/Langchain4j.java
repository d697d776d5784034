import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.exception.AuthenticationException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiResponsesChatModel;
import dev.langchain4j.model.openai.OpenAiResponsesStreamingChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.TokenStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** LangChain4j's services over chat completions and over Responses. Its parser takes only a frame named `error` for an error. */
final class Langchain4j {
    static final List<Function<String, StreamingChatModel>> STREAMING = List.of(
        model -> OpenAiStreamingChatModel.builder().baseUrl(Checks.BASE_URL).apiKey(Checks.API_KEY).modelName(model).build(),
        model -> OpenAiResponsesStreamingChatModel.builder().baseUrl(Checks.BASE_URL).apiKey(Checks.API_KEY).modelName(model).build());

    public static final class Weather {
        @Tool("The weather in a city.")
        public String get_weather(String city) {
            return "18 degrees in " + city;
        }
    }

    interface Assistant {
        String ask(String text);
    }

    interface StreamingAssistant {
        TokenStream ask(String text);
    }

    static List<ChatModel> whole(String model, String key) {
        return List.of(
            OpenAiChatModel.builder().baseUrl(Checks.BASE_URL).apiKey(key).modelName(model).maxRetries(0).build(),
            OpenAiResponsesChatModel.builder().baseUrl(Checks.BASE_URL).apiKey(key).modelName(model).build());
    }

    public static void main(String[] arguments) {
        new Checks("langchain4j")
            .check("chats", () -> {
                for (var name : Checks.MODELS)
                    for (var model : whole(name, Checks.API_KEY)) Checks.same(model.chat("Hello"), "You said: Hello");
            })
            .check("streams", () -> {
                for (var name : Checks.MODELS)
                    for (var model : STREAMING) Checks.same(stream(model.apply(name), "Hello"), "You said: Hello");
            })
            .check("runs a tool loop", () -> {
                for (var name : Checks.MODELS)
                    for (var model : whole(name, Checks.API_KEY)) {
                        var assistant = AiServices.builder(Assistant.class).chatModel(model).tools(new Weather()).build();
                        Checks.same(assistant.ask("What is the weather in Paris?"), "The tool answered: 18 degrees in Paris");
                    }
            })
            .check("runs a streamed tool loop", () -> {
                for (var name : Checks.MODELS)
                    for (var model : STREAMING)
                        Checks.same(stream(model.apply(name), "What is the weather in Paris?"), "The tool answered: 18 degrees in Paris");
            })
            .check("raises its own errors", () -> {
                for (var model : whole(Checks.NOVA, "wrong"))
                    Checks.raises(AuthenticationException.class, "invalid_api_key", () -> model.chat("Hello"));
                for (var model : whole(Checks.NOVA, Checks.API_KEY))
                    Checks.raises(RateLimitException.class, "Too many requests", () -> model.chat(Checks.prompt("throttle")));
            })
            .check("raises an error when a stream breaks", () -> {
                for (var name : Checks.MODELS)
                    for (var model : STREAMING)
                        for (var each : Checks.BREAKS.entrySet())
                            Checks.raises(Exception.class, each.getValue(), () -> stream(model.apply(name), Checks.prompt(each.getKey())));
            })
            .end();
    }

    static String stream(StreamingChatModel model, String text) throws Throwable {
        var done = new CompletableFuture<String>();
        var assistant = AiServices.builder(StreamingAssistant.class).streamingChatModel(model).tools(new Weather()).build();
        assistant.ask(text)
            .onPartialResponse(piece -> {})
            .onCompleteResponse(reply -> done.complete(reply.aiMessage().text()))
            .onError(done::completeExceptionally)
            .start();
        try {
            return done.get(20, TimeUnit.SECONDS);
        } catch (ExecutionException problem) {
            throw problem.getCause();
        }
    }
}
