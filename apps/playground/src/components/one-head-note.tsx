/** Said wherever several tokens per pass are expected, of a model that cannot give them. */
import { Alert } from "@mantine/core";

export function OneHeadNote(): React.JSX.Element {
  return (
    <Alert color="gray" title="One head only">
      This model has no further token heads: each of its passes gives one token, whatever the strategy.
    </Alert>
  );
}
