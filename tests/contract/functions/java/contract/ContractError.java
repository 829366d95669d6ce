package contract;

public class ContractError extends Exception {
    public ContractError(String message) {
        super(message);
    }

    public ContractError(String message, Throwable cause) {
        super(message, cause);
    }
}
