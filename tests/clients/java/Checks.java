import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The checks of one client program: all run, each prints its line, and the exit code tells whether one failed. */
final class Checks {
    static final String BASE_URL = System.getenv("OPENAI_BASE_URL");
    static final String API_KEY = System.getenv("OPENAI_API_KEY");
    static final String CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"; // signed reasoning
    static final String NOVA = "amazon.nova-lite-v1:0";
    static final List<String> MODELS = List.of(NOVA, CLAUDE);

    /** How the emulator ends a stream in the middle of an answer, and the words of the error that a client must raise then. */
    static final Map<String, String> BREAKS = Map.of("throttle after=2", "Too many requests", "cut after=2", "broke off");

    interface Check {
        void run() throws Throwable;
    }

    private final String client;
    private boolean failed;

    Checks(String client) {
        this.client = client;
    }

    Checks check(String title, Check check) {
        try {
            check.run();
            System.out.printf("ok %s: %s%n", client, title);
        } catch (Throwable problem) {
            failed = true;
            problem.printStackTrace();
            System.out.printf("FAILED %s: %s: %s%n", client, title, problem.toString().lines().findFirst().orElse(""));
        }
        return this;
    }

    void end() {
        System.exit(failed ? 1 : 0); // the clients' threads would go on for a minute
    }

    static void same(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) throw new AssertionError("got " + got + ", wanted " + wanted);
    }

    /** Checks that the code raises an error of this class whose message has these words. */
    static void raises(Class<? extends Throwable> kind, String words, Check code) {
        try {
            code.run();
        } catch (Throwable problem) {
            if (!kind.isInstance(problem) || !String.valueOf(problem.getMessage()).contains(words))
                throw new AssertionError("got " + problem + ", wanted " + kind.getSimpleName() + " with: " + words, problem);
            return;
        }
        throw new AssertionError("no error where " + kind.getSimpleName() + " was wanted");
    }

    static String prompt(String marker) {
        return "one two three [[emulate: " + marker + "]]";
    }
}
